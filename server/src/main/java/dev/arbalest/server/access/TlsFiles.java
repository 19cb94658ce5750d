// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.access;

import dev.arbalest.server.model.BadOptionException;
import dev.arbalest.server.model.ServerOptions;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;

/** Reads certificates and keys in PEM. */
public final class TlsFiles {
  private static final char[] PASSWORD = "memory".toCharArray(); // of a store that is never written

  private TlsFiles() {}

  /**
   * A context for servers.
   *
   * @throws IOException naming the file that cannot be used
   */
  public static SSLContext context(ServerOptions.Tls tls) throws IOException {
    try {
      KeyStore keys = emptyStore();
      Certificate[] chain = certificates(tls.certificate());
      keys.setKeyEntry("server", privateKey(tls.key()), PASSWORD, chain);
      KeyManagerFactory keyManagers =
          KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      keyManagers.init(keys, PASSWORD);
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(keyManagers.getKeyManagers(), trust(tls.clients()), null);
      return context;
    } catch (GeneralSecurityException e) {
      throw new BadOptionException(
          "certificate " + tls.certificate() + " with key " + tls.key() + ": " + e.getMessage(), e);
    }
  }

  private static TrustManager @Nullable [] trust(@Nullable Path path)
      throws IOException, GeneralSecurityException {
    if (path == null) {
      return null;
    }
    KeyStore trusted = emptyStore();
    int count = 0;
    for (Certificate certificate : certificates(path)) {
      trusted.setCertificateEntry("ca" + count++, certificate);
    }
    TrustManagerFactory factory =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(trusted);
    return factory.getTrustManagers();
  }

  private static KeyStore emptyStore() throws IOException, GeneralSecurityException {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, PASSWORD);
    return store;
  }

  private static Certificate[] certificates(Path path)
      throws IOException, GeneralSecurityException {
    CertificateFactory factory = CertificateFactory.getInstance("X.509");
    Certificate[] chain =
        factory
            .generateCertificates(new ByteArrayInputStream(BadOptionException.read(path)))
            .toArray(new Certificate[0]);
    if (chain.length == 0) {
      throw new BadOptionException(path + " holds no certificate in PEM");
    }
    return chain;
  }

  private static PrivateKey privateKey(Path path) throws IOException, GeneralSecurityException {
    String pem = new String(BadOptionException.read(path), StandardCharsets.US_ASCII);
    int begin = pem.indexOf("-----BEGIN PRIVATE KEY-----");
    int end = pem.indexOf("-----END PRIVATE KEY-----");
    if (begin < 0 || end < begin) {
      throw new BadOptionException(
          path + " holds no private key in PKCS #8 PEM (openssl pkcs8 -topk8 -nocrypt makes one)");
    }
    String body = pem.substring(begin + "-----BEGIN PRIVATE KEY-----".length(), end);
    PKCS8EncodedKeySpec spec = new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(body));
    IOException failed = new BadOptionException(path + ": the key is none of EC, RSA, Ed25519");
    for (String algorithm : List.of("EC", "RSA", "Ed25519")) {
      try {
        return KeyFactory.getInstance(algorithm).generatePrivate(spec);
      } catch (InvalidKeySpecException e) {
        failed.addSuppressed(e);
      }
    }
    throw failed;
  }
}
