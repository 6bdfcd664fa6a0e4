package ownhost

import "net"

// At is a listener that was asked for an address.
func At(l net.Listener, given string) *Listener { return &Listener{l, given} }
