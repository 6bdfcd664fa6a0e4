package checkpoint

// Cleanup is what Save does first.
var Cleanup = cleanup
