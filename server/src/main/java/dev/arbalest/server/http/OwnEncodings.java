// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.http;

import io.helidon.http.Headers;
import io.helidon.http.encoding.ContentDecoder;
import io.helidon.http.encoding.ContentEncoder;
import io.helidon.http.encoding.ContentEncodingContext;
import io.helidon.http.encoding.ContentEncodingContextConfig;

/**
 * Has the server library hand bodies over as they come, whatever their encoding: {@link BodyCoding}
 * decompresses them within the limits on their size, and compresses answers worth it. Stateless.
 */
public final class OwnEncodings implements ContentEncodingContext {
  public OwnEncodings() {}

  @Override
  public ContentEncodingContextConfig prototype() {
    return ContentEncodingContextConfig.create();
  }

  @Override
  public boolean contentEncodingEnabled() {
    return false;
  }

  @Override
  public boolean contentDecodingEnabled() {
    return true;
  }

  @Override
  public boolean contentEncodingSupported(String coding) {
    return false;
  }

  @Override
  public boolean contentDecodingSupported(String coding) {
    return true;
  }

  @Override
  public ContentEncoder encoder(String coding) {
    return ContentEncoder.NO_OP;
  }

  @Override
  public ContentDecoder decoder(String coding) {
    return ContentDecoder.NO_OP;
  }

  @Override
  public ContentEncoder encoder(Headers headers) {
    return ContentEncoder.NO_OP;
  }
}
