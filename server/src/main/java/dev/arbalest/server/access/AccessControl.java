// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.access;

import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.server.model.BadOptionException;
import dev.arbalest.server.model.ServerOptions;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Decides which client may do what by bearer tokens; a file holds their SHA-256 digests (they are
 * random, 256 bits long: a slow hash would add nothing), with scopes and collections. Without a
 * file everybody may do everything. Also how often: a bucket of requests per client. Thread-safe.
 */
public final class AccessControl {
  /** What a token allows. */
  public enum Scope {
    READ,
    WRITE
  }

  private static final List<String> SCOPES = List.of("read", "write");
  private static final String EVERY = "*";
  private static final int TOKEN_BYTES = 32;
  private static final int MAX_CLIENTS = 10_000;
  private static final JsonMapper JSON = new JsonMapper();

  /** The client. */
  public record Client(String name, Set<Scope> scopes, Set<String> collections) {
    public static final Client ANYBODY =
        new Client("anonymous", Set.of(Scope.values()), Set.of(EVERY));

    /**
     * Refuses what the token does not allow.
     *
     * @param collection it is about, or null if it is about all
     */
    public void require(Scope scope, @Nullable String collection) {
      boolean allowed =
          scopes.contains(scope)
              && (collections.contains(EVERY)
                  || (collection != null && collections.contains(collection)));
      if (!allowed) {
        throw refused(
            scope, collection == null ? " of all collections" : " of collection " + collection);
      }
    }

    /** Throws unless the client has this scope on every collection. */
    public void require(Scope scope) {
      if (!scopes.contains(scope)) {
        throw refused(scope, "");
      }
    }

    private static CollectionException refused(Scope scope, String what) {
      return new CollectionException(
          CollectionException.Kind.FORBIDDEN,
          "the token does not allow " + scope.name().toLowerCase(Locale.ROOT) + what);
    }

    /** Whether a collection may be listed. */
    public boolean sees(String collection) {
      return collections.contains(EVERY) || collections.contains(collection);
    }
  }

  @SuppressWarnings("ArrayRecordComponent") // never compared as a whole
  private record Token(byte[] digest, Client client) {}

  private final List<Token> tokens;
  private final int requestsPerSecond;
  private final Map<String, Bucket> buckets = new ConcurrentHashMap<>();

  private AccessControl(List<Token> tokens, int requestsPerSecond) {
    this.tokens = tokens;
    this.requestsPerSecond = requestsPerSecond;
  }

  /**
   * Reads the file of tokens, if there is one.
   *
   * @throws IOException if it cannot be read or understood
   */
  public static AccessControl of(ServerOptions options) throws IOException {
    Path path = options.tokens();
    if (path == null) {
      return new AccessControl(List.of(), options.requestsPerSecond());
    }
    List<Token> tokens = read(path);
    if (tokens.isEmpty()) {
      throw new BadOptionException(path + " holds no token; make one with 'serve new-token'");
    }
    return new AccessControl(tokens, options.requestsPerSecond());
  }

  private static List<Token> read(Path path) throws IOException {
    try {
      List<Token> tokens = new ArrayList<>();
      for (JsonNode node : JSON.readTree(BadOptionException.read(path)).path("tokens")) {
        Set<Scope> scopes =
            texts(node.path("scopes")).stream()
                .map(text -> Scope.valueOf(text.toUpperCase(Locale.ROOT)))
                .collect(Collectors.toSet());
        Client client =
            new Client(node.path("name").asString(""), scopes, texts(node.path("collections")));
        tokens.add(new Token(HexFormat.of().parseHex(node.path("sha256").asString("")), client));
      }
      return tokens;
    } catch (JacksonException | IllegalArgumentException e) {
      throw new BadOptionException(path + " is no file of tokens: " + e.getMessage(), e);
    }
  }

  private static Set<String> texts(JsonNode array) {
    return StreamSupport.stream(array.spliterator(), false)
        .map(node -> node.asString(""))
        .collect(Collectors.toSet());
  }

  /**
   * Makes a token and adds its digest to a file, which is made if need be.
   *
   * @return the token, which is kept nowhere
   */
  public static String create(Path path, String name, List<String> scopes, List<String> collections)
      throws IOException {
    for (String scope : scopes) {
      if (SCOPES.stream().noneMatch(scope::equalsIgnoreCase)) {
        throw new BadOptionException("a scope is read or write, found \"" + scope + "\"");
      }
    }
    byte[] secret = new byte[TOKEN_BYTES];
    new SecureRandom().nextBytes(secret);
    String token = Base64.getUrlEncoder().withoutPadding().encodeToString(secret);
    ObjectNode root = JSON.createObjectNode();
    if (Files.exists(path)) {
      for (Token known : read(path)) {
        if (known.client().name().equals(name)) {
          throw new BadOptionException(path + " has a token named " + name + " already");
        }
      }
      root = (ObjectNode) JSON.readTree(BadOptionException.read(path));
    }
    ArrayNode all = root.withArray("tokens");
    ObjectNode added = all.addObject();
    added.put("name", name);
    added.put("sha256", HexFormat.of().formatHex(digest(token)));
    ArrayNode scopesNode = added.putArray("scopes");
    for (String scope : scopes) {
      scopesNode.add(scope.toLowerCase(Locale.ROOT));
    }
    ArrayNode collectionsNode = added.putArray("collections");
    collections.forEach(collectionsNode::add);
    Path temporary = path.resolveSibling(path.getFileName() + ".new");
    Files.write(temporary, JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(root));
    Files.move(
        temporary, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    return token;
  }

  private static byte[] digest(String token) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  /** Whether tokens are asked for. */
  public boolean isClosed() {
    return !tokens.isEmpty();
  }

  /**
   * Identifies the client.
   *
   * @param authorization header {@code Bearer <token>}, or null
   * @param apiKey header {@code api-key}, or null
   * @param peer address of the client, or what stands for all of them
   * @throws CollectionException UNAUTHENTICATED, or EXHAUSTED if it asks too often
   */
  public Client identify(@Nullable String authorization, @Nullable String apiKey, String peer) {
    Client client = identify(authorization, apiKey);
    if (requestsPerSecond > 0) {
      String key = isClosed() ? "token " + client.name() : peer;
      if (buckets.size() > MAX_CLIENTS) {
        buckets.clear(); // strangers must not fill the memory; nobody loses more than a second
      }
      long wait = buckets.computeIfAbsent(key, _ -> new Bucket()).take(requestsPerSecond);
      if (wait > 0) {
        throw new CollectionException(
            CollectionException.Kind.EXHAUSTED,
            "more than " + requestsPerSecond + " requests per second",
            wait,
            null);
      }
    }
    return client;
  }

  public Client identify(@Nullable String authorization, @Nullable String apiKey) {
    if (tokens.isEmpty()) {
      return Client.ANYBODY;
    }
    String token = apiKey;
    if (authorization != null && authorization.regionMatches(true, 0, "Bearer ", 0, 7)) {
      token = authorization.substring(7).trim();
    }
    if (token != null) {
      byte[] digest = digest(token);
      for (Token known : tokens) {
        if (MessageDigest.isEqual(known.digest(), digest)) {
          return known.client();
        }
      }
    }
    throw new CollectionException(
        CollectionException.Kind.UNAUTHENTICATED,
        token == null ? "a bearer token is needed" : "the token is not known");
  }

  /** Requests of a client: as many at once as in a second. */
  private static final class Bucket {
    private double left = -1;
    private long at = System.nanoTime();

    /** Takes one; returns 0, or milliseconds until there is one. */
    synchronized long take(int perSecond) {
      long now = System.nanoTime();
      left = left < 0 ? perSecond : Math.min(perSecond, left + (now - at) / 1e9 * perSecond);
      at = now;
      if (left >= 1) {
        left--;
        return 0;
      }
      return Math.max(1, (long) Math.ceil((1 - left) * 1000 / perSecond));
    }
  }
}
