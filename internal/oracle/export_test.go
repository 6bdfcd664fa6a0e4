package oracle

// Dense64 is dense for float64.
var Dense64 = dense[float64]
