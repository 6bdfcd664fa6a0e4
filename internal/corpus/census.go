package corpus

// census finds the files of a corpus that have no sentence, from documents that come
// in order.
type census struct {
	files []*input
	At    int   `json:"at"`    // file of the last document with a sentence; -1: none yet
	Blank []int `json:"blank"` // files before it without one
}

func newCensus(files []*input) *census { return &census{files: files, At: -1} }

// saw notes a document with a sentence.
func (c *census) saw(file int) {
	for ; c.At < file-1; c.At++ {
		c.Blank = append(c.Blank, c.At+1)
	}
	c.At = max(c.At, file)
}

// end notes that there are no more documents. It returns how many files have no
// sentence; it is a DataError if one of them was itself named as the corpus, or if
// no file has one.
func (c *census) end() (blank int, err error) {
	c.saw(len(c.files))
	for _, i := range c.Blank {
		if c.files[i].named || len(c.Blank) == len(c.files) {
			return 0, badData(c.files[i].path, "no sentence", "text")
		}
	}
	return len(c.Blank), nil
}
