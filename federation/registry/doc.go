// Package registry is the deterministic state machine behind the federation's registry: regions, nodes, routes,
// services and policy, each change numbered by a revision.
//
// Every node applies the same log entries in the same order and must come to the same state, so nothing here reads a
// clock or randomness, or depends on the order of a map; purity_test.go watches over that. Time comes in as the
// leader's stamp. Raft itself, files and networks live in package federation.
//
// # Entries
//
// A log entry is a serialized LogEntry: the exact bytes of a Command, its signature (empty until commands are signed),
// the leader's stamp, and a CRC-32C (Castagnoli) over command ‖ signature ‖ stamp as 8 bytes big endian. What cannot
// be read is rejected as CORRUPT_ENTRY, alike on all nodes. A command above the registry's level is rejected by all;
// once the level is raised beyond what a binary knows, its machine halts and keeps its last view.
//
// # State hash
//
// Each region, node, route, service, the policy, the level and the cluster id is an item: kind ‖ 0x00 ‖ fields in the
// order of their numbers in registry.proto, each as its length (4 bytes, big endian) and its bytes; integers are 8
// bytes big endian, booleans one byte, times milliseconds since 1970 (0 when absent), durations nanoseconds, lists
// their count and then their elements. An item's lanes are 1024 little-endian uint16 read from
// SHAKE128("jieli/registry-item/1" ‖ 0x00 ‖ item); the state's lanes are the sum of its items' lanes, modulo 2^16 each
// (LtHash16), so that a change costs what it changes. The state hash at a revision is SHA-256("jieli/registry/1" ‖
// 0x00 ‖ revision as 8 bytes big endian ‖ lanes little endian). Remembered request ids and staged imports are not part
// of it: they change without a revision. Vectors are in proto/testdata/registry.json.
//
// # History
//
// What each revision changed is kept as a Change: the newest 1,000 that concern a region for each region, and as many
// that concern none alone. It is part of the state and of snapshots, made from nothing but the command and the states
// before and after it, so it is equal on all nodes. It is not part of the state hash: nothing is decided by it, who
// changed an entry last, when and at which revision is in the entry's own item, and letting go of the oldest would cost
// as much hashing as the change itself. Rejections are not history. It came before the first release, and so without a
// level of its own.
package registry
