// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.log;

import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Threshold;

/** The log being made durable, in a flight recording; short ones are left out. */
@Name("dev.arbalest.LogSync")
@Label("Log sync")
@Category("Arbalest")
@StackTrace(false)
@Threshold("5 ms")
final class LogSyncEvent extends Event {
  @Label("Blocks made durable")
  long blocks;
}
