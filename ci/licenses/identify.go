package main

import (
	"fmt"
	"regexp"
	"strings"
)

// known are the licenses that may be linked, by words that only they have, in
// small letters with single spaces.
var known = []struct {
	id    string
	words []string
	not   string // words of another license that has all of these
	also  string // the file with the text, where this one only names it
}{
	{id: "Apache-2.0", words: []string{"apache license", "version 2.0"}},
	{id: "MIT", words: []string{"permission is hereby granted, free of charge, to any person obtaining a copy", "the above copyright notice and this permission notice shall be included"}},
	{id: "BSD-3-Clause", words: []string{"redistribution and use in source and binary forms", "used to endorse or promote products"}},
	{id: "BSD-2-Clause", words: []string{"redistribution and use in source and binary forms", "this list of conditions and the following disclaimer"}, not: "used to endorse or promote products"},
	{id: "Unlicense", words: []string{"this is free and unencumbered software released into the public domain"}},
	// Of its two licenses the FreeType License is the one chosen; NOTICE credits it.
	{id: "FTL", words: []string{"freetype-go software is subject to your choice of exactly one", "licenses/ftl.txt"}, also: "licenses/ftl.txt"},
}

// copyleft finds the head of a license that asks more of who links than its text.
var copyleft = regexp.MustCompile(`gnu (affero |lesser |library )?general public license (as published|version)|mozilla public license,? v|eclipse public license|common development and distribution license|server side public license|business source license`)

// identify returns the licenses that a text holds, and the file beside it with the
// text of one that is named only.
func identify(text string) (ids []string, also string, err error) {
	flat := strings.ToLower(strings.Join(strings.Fields(strings.ReplaceAll(text, ">", " ")), " "))
	for _, k := range known {
		has := k.not == "" || !strings.Contains(flat, k.not)
		for _, words := range k.words {
			has = has && strings.Contains(flat, words)
		}
		if has {
			ids = append(ids, k.id)
			also += k.also
		}
	}
	if found := copyleft.FindString(flat); found != "" && also == "" {
		return nil, "", fmt.Errorf("found %q, expected one of the licenses that ci/licenses knows", found)
	}
	if len(ids) == 0 {
		return nil, "", fmt.Errorf("found a text that begins %.60q, expected one of the licenses that ci/licenses knows", flat)
	}
	return ids, also, nil
}
