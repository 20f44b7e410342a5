#ifndef PENSTOCK_SYNC_GATE_H
#define PENSTOCK_SYNC_GATE_H

/// Waits for a byte from the named pipe that PENSTOCK_SYNC_GATE names, if it is there, and says on stderr that it does:
/// `a sync waits at the gate`.
/// Loaded by LD_PRELOAD, the library lets every fsync and fdatasync of the process pass through here.
void penstock_sync_gate(void);

#endif
