// Package group is one rank's part in the operations between the processes of a run, over anything
// that moves messages. The collective operations are made of single messages here, for two reasons. A
// collective operation of a library that does not end does not say who is missing; a message that does
// not come does. And each rank hears from each other one in every operation, so that ranks that
// disagree on it are told so.
//
//	Port         what moves messages: MPI (package mpi), sockets (package sockets), a test's network
//	group        one operation: heads and pieces to and from every rank, with a timeout
//	Comm         collective.Communicator, on one thread that alone uses the port
package group
