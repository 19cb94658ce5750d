// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.build;

import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** A stage of a build, in a flight recording. */
@Name("dev.arbalest.BuildPhase")
@Label("Build phase")
@Category("Arbalest")
@StackTrace(false)
final class BuildPhaseEvent extends Event {
  @Label("Stage")
  String stage = "";

  @Label("Vectors")
  long total;
}
