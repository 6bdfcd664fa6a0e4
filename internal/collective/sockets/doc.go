// Package sockets joins the processes of a run without MPI: one connection between each two of them.
// The connections come from the process that started all of them ([Inherit], for train --processes),
// or the processes meet at the address that a launcher gives to all ([Meet], for torchrun and what sets
// the same variables). [Port] moves the messages of package group over them.
package sockets
