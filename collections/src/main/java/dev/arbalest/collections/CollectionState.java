// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

/** What a collection is doing. */
public enum CollectionState {
  LOADING,
  READY,
  /** In service, with its files closed: the next request opens them. */
  IDLE,
  /** Out of service after faults, until it is reopened. */
  QUARANTINED,
  CLOSED
}
