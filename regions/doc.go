// Package regions holds what is true of places and matters: the
// administrative divisions of China by code and name (Divisions), the kinds of
// matter that a ticket can be about (Catalogue), the national hotlines
// (Hotlines), the table that says which region serves which matter in which
// place (Table), and the working days of China (Calendar) with the terms that
// are counted in them (Term, Terms, LightAt).
//
// Everything here is a value or a function from values to values. Nothing does
// I/O, reads a clock or starts a goroutine; Divisions, Catalogue and Table are
// immutable, so any number of goroutines may read them. The divisions are data
// of the binary, compressed and embedded; services and routes are registry
// state, and the registry builds a new Catalogue or Table from the old one for
// each change.
//
// What does not live here: whether a region is active, suspended or retired
// (package federation), and what happens to a ticket once it is routed
// (package gateway).
package regions
