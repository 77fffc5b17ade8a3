package otlpsink

import (
	"fmt"
	"time"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/proto"

	"github.com/keloa/apitokens/auditsink"
)

// encode returns an ExportLogsServiceRequest of the records. LogsData is the
// same on the wire, and its package does not bring gRPC.
func encode(records []auditsink.Record, now time.Time) ([]byte, error) {
	entries := make([]*logs.LogRecord, len(records))
	for i, r := range records {
		entries[i] = &logs.LogRecord{
			TimeUnixNano:         uint64(r.At.UnixNano()),
			ObservedTimeUnixNano: uint64(now.UnixNano()),
			SeverityNumber:       logs.SeverityNumber_SEVERITY_NUMBER_INFO,
			SeverityText:         "INFO",
			EventName:            r.Action,
			Body:                 text(string(r.Line)),
			Attributes: []*common.KeyValue{
				{Key: "log.record.uid", Value: text(r.ID.String())},
				{Key: "keloa.audit.sequence", Value: &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: r.Seq}}},
			},
		}
	}
	if checkpoint := records[len(records)-1].Checkpoint; checkpoint.Size > 0 {
		end := entries[len(entries)-1]
		end.Attributes = append(end.Attributes, &common.KeyValue{Key: "keloa.audit.checkpoint", Value: text(checkpoint.Note)})
	}
	body, err := proto.Marshal(&logs.LogsData{ResourceLogs: []*logs.ResourceLogs{{
		Resource: &resource.Resource{Attributes: []*common.KeyValue{{Key: "service.name", Value: text("keloa-tokens")}}},
		ScopeLogs: []*logs.ScopeLogs{{
			Scope:      &common.InstrumentationScope{Name: "github.com/keloa/apitokens/auditsink"},
			LogRecords: entries,
		}},
	}}})
	if err != nil {
		return nil, fmt.Errorf("encode the batch: %w", err)
	}
	return body, nil
}

func text(value string) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: value}}
}
