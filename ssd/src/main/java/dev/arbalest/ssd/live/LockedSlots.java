// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import dev.arbalest.Ids;
import dev.arbalest.Slots;

/** The slots of a live index as the holder of the lock sees them. */
final class LockedSlots implements Slots {
  private final LiveState state;
  private final WriteAdmission admission;

  LockedSlots(LiveState state, WriteAdmission admission) {
    this.state = state;
    this.admission = admission;
  }

  @Override
  public int size() {
    return state.loaded.graph().nodeCount();
  }

  @Override
  public long[] live() {
    return state.sets.living().words();
  }

  @Override
  public int find(Ids ids, int i) {
    admission.requireType(ids);
    return state.map.find(ids, i);
  }

  @Override
  public long number(int slot) {
    return state.loaded.number(slot);
  }
}
