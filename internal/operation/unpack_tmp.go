package operation

// unpack gives a recorded text as it is.
func unpack(text string) ([]byte, error) { return []byte(text), nil }
