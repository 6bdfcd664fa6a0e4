package metrics

import (
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// The field numbers of TensorFlow's event.proto and summary.proto in use here.
const (
	eventWallTime    = 1
	eventStep        = 2
	eventFileVersion = 3
	eventSummary     = 5
	eventSessionLog  = 7

	sessionStatus = 1
	sessionStart  = 1 // a value of status

	summaryValue = 1

	valueTag         = 1
	valueSimpleValue = 2
	valueImage       = 4
	valueHistogram   = 5

	imageHeight     = 1
	imageWidth      = 2
	imageColorspace = 3
	imageEncoded    = 4

	histogramMin        = 1
	histogramMax        = 2
	histogramNum        = 3
	histogramSum        = 4
	histogramSumSquares = 5
	histogramLimits     = 6
	histogramCounts     = 7
)

func appendDouble(b []byte, field protowire.Number, v float64) []byte {
	b = protowire.AppendTag(b, field, protowire.Fixed64Type)
	return protowire.AppendFixed64(b, math.Float64bits(v))
}

func appendFloat(b []byte, field protowire.Number, v float32) []byte {
	b = protowire.AppendTag(b, field, protowire.Fixed32Type)
	return protowire.AppendFixed32(b, math.Float32bits(v))
}

func appendVarint(b []byte, field protowire.Number, v int64) []byte {
	b = protowire.AppendTag(b, field, protowire.VarintType)
	return protowire.AppendVarint(b, uint64(v))
}

func appendBytes[T string | []byte](b []byte, field protowire.Number, v T) []byte {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	return protowire.AppendBytes(b, []byte(v))
}

func appendDoubles(b []byte, field protowire.Number, v []float64) []byte {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(8*len(v)))
	for _, x := range v {
		b = protowire.AppendFixed64(b, math.Float64bits(x))
	}
	return b
}

// event is an Event with one message or string in it.
func event(now time.Time, step int64, field protowire.Number, content []byte) []byte {
	b := appendDouble(nil, eventWallTime, float64(now.Unix())+float64(now.Nanosecond())/1e9)
	b = appendVarint(b, eventStep, step)
	return appendBytes(b, field, content)
}

func scalarValue(tag string, v float32) []byte {
	return appendFloat(appendBytes(nil, valueTag, tag), valueSimpleValue, v)
}

// imageValue holds a PNG; colorspace 4 is RGBA, which viewers do not check.
func imageValue(tag string, png []byte, width, height int) []byte {
	img := appendVarint(nil, imageHeight, int64(height))
	img = appendVarint(img, imageWidth, int64(width))
	img = appendVarint(img, imageColorspace, 4)
	img = appendBytes(img, imageEncoded, png)
	return appendBytes(appendBytes(nil, valueTag, tag), valueImage, img)
}

// histogramEdges are the usual bucket limits of TensorBoard's writers: powers
// of 1.1 from 1e-12 to 1e20 on both sides of 0, and the largest float64.
var histogramEdges = func() []float64 {
	var positive []float64
	for v := 1e-12; v < 1e20; v *= 1.1 {
		positive = append(positive, v)
	}
	edges := []float64{-math.MaxFloat64}
	for _, v := range slices.Backward(positive) {
		edges = append(edges, -v)
	}
	edges = append(edges, 0)
	edges = append(edges, positive...)
	return append(edges, math.MaxFloat64)
}()

// histogramValue counts finite values in buckets (edge[i-1], edge[i]]. Of each
// run of empty buckets one is kept, which marks where the next begins.
func histogramValue(tag string, values []float64) []byte {
	counts := make([]float64, len(histogramEdges))
	lowest, highest, sum, squares := math.Inf(1), math.Inf(-1), 0.0, 0.0
	for _, v := range values {
		i, _ := slices.BinarySearch(histogramEdges, v)
		counts[i]++
		lowest, highest = min(lowest, v), max(highest, v)
		sum += v
		squares += v * v
	}
	if len(values) == 0 {
		lowest, highest = 0, 0
	}
	var limits, kept []float64
	for i, n := range counts {
		if n == 0 && (i+1 == len(counts) || counts[i+1] == 0) {
			continue
		}
		limits = append(limits, histogramEdges[i])
		kept = append(kept, n)
	}
	h := appendDouble(nil, histogramMin, lowest)
	h = appendDouble(h, histogramMax, highest)
	h = appendDouble(h, histogramNum, float64(len(values)))
	h = appendDouble(h, histogramSum, sum)
	h = appendDouble(h, histogramSumSquares, squares)
	h = appendDoubles(h, histogramLimits, limits)
	h = appendDoubles(h, histogramCounts, kept)
	return appendBytes(appendBytes(nil, valueTag, tag), valueHistogram, h)
}
