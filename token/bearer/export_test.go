package bearer

// UnescapeOnce is unescape.
var UnescapeOnce = unescape
