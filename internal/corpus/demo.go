package corpus

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/philox"
)

// The size of the demo corpus.
const (
	demoTrainDocs = 4000
	demoValidDocs = 250
	demoVocabSize = 1024
)

// DemoDocuments returns the first docs documents of the demo corpus of a seed;
// document i depends on seed and i alone.
//
// A document is a little story about two people. It keeps to one of twelve
// topics, each with its own places, things, deeds and professions; its people
// keep their names, pronouns, professions and the colour of their clothes;
// nouns and verbs agree in number; numbers are counted and added up; days follow
// each other; and sentences of a scene speak of the same thing. So context tells
// much about a masked word, and the people and the topic tell whether two parts
// belong together.
func DemoDocuments(seed uint64, docs int) iter.Seq[Document] {
	return func(yield func(Document) bool) {
		for i := range docs {
			if !yield(demoDocument(seed, i)) {
				return
			}
		}
	}
}

// DemoStore makes the built-in demo corpus: 4000 training documents, the 250
// behind them for validation, and a vocabulary of 1024 tokens trained on the
// former. Everything depends on seed alone.
func DemoStore(seed uint64) (train, valid *Store, vocab *Vocab, err error) {
	var docs []Document
	for d := range DemoDocuments(seed, demoTrainDocs+demoValidDocs) {
		docs = append(docs, d)
	}
	part := func(docs []Document) iter.Seq[Document] {
		return func(yield func(Document) bool) {
			for _, d := range docs {
				if !yield(d) {
					return
				}
			}
		}
	}
	ctx := context.Background() // this takes a fraction of a second
	words, err := countWords(ctx, sequence(part(docs[:demoTrainDocs])), nil, Normalizer{}, 0)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("counting the words of the demo corpus: %w", err)
	}
	if vocab, err = TrainVocab(ctx, words, demoVocabSize); err != nil {
		return nil, nil, nil, fmt.Errorf("training the demo vocabulary: %w", err)
	}
	if train, err = NewStore(ctx, "demo corpus", part(docs[:demoTrainDocs]), vocab, 0); err != nil {
		return nil, nil, nil, err
	}
	if valid, err = NewStore(ctx, "demo corpus, validation", part(docs[demoTrainDocs:]), vocab, 0); err != nil {
		return nil, nil, nil, err
	}
	return train, valid, vocab, nil
}

// person is somebody in a story.
type person struct {
	name                      string
	he, his, him              string
	job, garment, colour, pet string
}

// demoDocument tells story i.
func demoDocument(seed uint64, i int) Document {
	draw := philox.NewStream(seed, philox.DemoCorpus, uint32(i), 0)
	topic := &demoTopics[draw.IntN(len(demoTopics))]
	one := demoPerson(topic, &draw)
	two := demoPerson(topic, &draw)
	for two.name == one.name {
		two = demoPerson(topic, &draw)
	}
	d := Document{Source: fmt.Sprintf("demo corpus %d", seed), Line: i + 1}
	tell := func(scene []string) {
		if draw.IntN(2) == 0 {
			one, two = two, one
		}
		words := demoSlots(topic, one, two, &draw)
		for _, sentence := range scene {
			text := words.fill(sentence)
			d.Sentences = append(d.Sentences, strings.ToUpper(text[:1])+text[1:])
		}
	}
	tell(demoOpenings[draw.IntN(len(demoOpenings))])
	for range 1 + draw.IntN(3) {
		tell(demoScenes[draw.IntN(len(demoScenes))])
	}
	tell(demoEndings[draw.IntN(len(demoEndings))])
	return d
}

func demoPerson(t *demoTopic, draw *philox.Stream) person {
	p := person{he: "she", his: "her", him: "her"}
	if draw.IntN(2) == 0 {
		p.name = pick(demoWomen, draw)
	} else {
		p.name = pick(demoMen, draw)
		p.he, p.his, p.him = "he", "his", "him"
	}
	p.job, p.garment = pick(t.jobs, draw), pick(demoGarments, draw)
	p.colour, p.pet = pick(demoColours, draw), pick(demoPets, draw)
	return p
}

// slots are names in braces, each followed by its text. A strings.Replacer takes longer to be
// made for a scene than the scene takes.
type slots []string

// fill puts the texts where the names are.
func (s slots) fill(sentence string) string {
	var out strings.Builder
	for {
		at := strings.IndexByte(sentence, '{')
		end := strings.IndexByte(sentence, '}')
		if at < 0 || end < at {
			out.WriteString(sentence)
			return out.String()
		}
		out.WriteString(sentence[:at])
		name := sentence[at : end+1]
		if i := slices.Index(s, name); i >= 0 && i%2 == 0 {
			name = s[i+1]
		}
		out.WriteString(name)
		sentence = sentence[end+1:]
	}
}

// demoSlots draws what the slots of a scene's sentences stand for.
func demoSlots(t *demoTopic, one, two person, draw *philox.Stream) slots {
	things := t.things
	n := draw.IntN(len(things))
	m := (n + 1 + draw.IntN(len(things)-1)) % len(things)
	place := draw.IntN(len(t.places))
	elsewhere := (place + 1 + draw.IntN(len(t.places)-1)) % len(t.places)
	good := draw.IntN(len(t.qualities))
	other := (good + 1 + draw.IntN(len(t.qualities)-1)) % len(t.qualities)
	k, j := 3+draw.IntN(4), 2+draw.IntN(5)
	day := draw.IntN(len(demoDays))
	contrast := demoContrasts[draw.IntN(len(demoContrasts))]
	return slots{
		"{A}", one.name, "{he}", one.he, "{his}", one.his, "{him}", one.him, "{job}", one.job,
		"{garment}", one.colour + " " + one.garment, "{pet}", one.pet,
		"{B}", two.name, "{he2}", two.he, "{his2}", two.his, "{him2}", two.him, "{job2}", two.job,
		"{garment2}", two.colour + " " + two.garment, "{pet2}", two.pet,
		"{thing}", things[n][0], "{things}", things[n][1], "{other}", things[m][0], "{others}", things[m][1],
		"{place}", t.places[place], "{elsewhere}", t.places[elsewhere],
		"{good}", t.qualities[good], "{bad}", t.qualities[other], "{did}", pick(t.deeds, draw),
		"{k}", demoNumbers[k], "{j}", demoNumbers[j], "{sum}", demoNumbers[k+j],
		"{count}", strings.Join(demoNumbers[1:k+1], ", "),
		"{day}", demoDays[day], "{tomorrow}", demoDays[(day+1)%len(demoDays)], "{later}", demoDays[(day+2)%len(demoDays)],
		"{under}", pick(demoSpots, draw), "{hot}", contrast[0], "{cold}", contrast[1],
	}
}

func pick(list []string, draw *philox.Stream) string { return list[draw.IntN(len(list))] }
