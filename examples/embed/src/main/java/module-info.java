/** An application that embeds Arbalest. */
module example {
  requires dev.arbalest;
}
