package metrics

import (
	"math"
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

// event is an Event with one message or string in it.
func event(now time.Time, step int64, field protowire.Number, content []byte) []byte {
	b := appendDouble(nil, eventWallTime, float64(now.Unix())+float64(now.Nanosecond())/1e9)
	b = appendVarint(b, eventStep, step)
	return appendBytes(b, field, content)
}

func scalarValue(tag string, v float32) []byte {
	return appendFloat(appendBytes(nil, valueTag, tag), valueSimpleValue, v)
}
