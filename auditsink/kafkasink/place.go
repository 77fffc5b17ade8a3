package kafkasink

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/internal/remote"
)

// partition is the one that all records go to.
const partition = 0

// firstLook is how many of the last messages are read at first, to find the last
// record among them.
const firstLook = 64

// place is how far the log has come in the partition.
type place struct {
	failures

	tenure tenure
	client *kgo.Client
	topic  string
	last   int64 // the sequence of the last record; 0 for none
}

// append produces those of the records that are not there yet, and waits until
// Kafka has them. It reports a [*remote.Refusal] if they are too large.
func (p *place) append(ctx context.Context, records []auditsink.Record) error {
	for len(records) > 0 && records[0].Seq <= p.last {
		records = records[1:]
	}
	// The client may hold on to what it was given when nobody waits any more.
	lines := auditsink.AppendLines(nil, records)
	if len(records) > 1 && len(lines)+recordBytes*len(records) > batchBytes {
		return &remote.Refusal{Reason: "it is more than goes into a batch"}
	}
	type result struct {
		n   int
		err error
	}
	results := make(chan result, len(records))
	for n, r := range records {
		message := &kgo.Record{Topic: p.topic, Partition: partition, Key: []byte(r.ID.String()), Value: lines[:len(r.Line):len(r.Line)]}
		if r.Checkpoint.Size > 0 {
			message.Headers = []kgo.RecordHeader{{Key: auditsink.CheckpointField, Value: []byte(r.Checkpoint.Note)}}
		}
		p.client.Produce(context.WithoutCancel(ctx), message, func(_ *kgo.Record, err error) { results <- result{n, err} })
		lines = lines[len(r.Line)+1:]
	}
	if err := p.client.Flush(ctx); err != nil {
		return fmt.Errorf("wait for Kafka: %w", err)
	}
	errs := make([]error, len(records))
	for range records {
		select {
		case r := <-results:
			errs[r.n] = r.err
		case <-ctx.Done():
			return fmt.Errorf("wait for Kafka: %w", ctx.Err())
		}
	}
	// The client may have begun to send before it had all: then the first of
	// them are there, even if the others are refused.
	for n := 0; n < len(records) && errs[n] == nil; n++ {
		p.last = records[n].Seq
	}
	err := errors.Join(errs...)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge):
		return &remote.Refusal{Reason: "it is larger than the topic takes"}
	}
	return fmt.Errorf("produce: %w", cmp.Or(errs...))
}

// find sees that the topic is there, and its partition has a leader.
func (p *place) find(ctx context.Context) error {
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = &p.topic
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = append(request.Topics, topic)
	answer, err := request.RequestWith(ctx, p.client)
	if err != nil {
		return fmt.Errorf("ask for the topic %s: %w", p.topic, err)
	}
	for _, t := range answer.Topics {
		if t.ErrorCode == kerr.UnknownTopicOrPartition.Code {
			return fmt.Errorf("there is no topic %s: create it", p.topic)
		}
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return fmt.Errorf("ask for the topic %s: %w", p.topic, err)
		}
		for _, part := range t.Partitions {
			if part.Partition == partition {
				return kerr.ErrorForCode(part.ErrorCode)
			}
		}
	}
	return fmt.Errorf("the topic %s has no partition %d", p.topic, partition)
}

// look finds the last record of the partition. Behind it may be what others
// have produced: ever larger parts are gone through, backwards.
func (p *place) look(ctx context.Context) error {
	start, err := p.offset(ctx, -2)
	if err != nil {
		return err
	}
	end, err := p.offset(ctx, -1)
	if err != nil {
		return err
	}
	p.last = 0
	for width := int64(firstLook); end > start && p.last == 0; width *= 2 {
		from := max(end-width, start)
		if err := p.read(ctx, from, end); err != nil {
			return fmt.Errorf("read the end of the topic %s: %w", p.topic, err)
		}
		end = from
	}
	return nil
}

// offset asks where the partition begins, at -2, or ends, at -1.
func (p *place) offset(ctx context.Context, at int64) (int64, error) {
	part := kmsg.NewListOffsetsRequestTopicPartition()
	part.Partition, part.Timestamp = partition, at
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic, topic.Partitions = p.topic, append(topic.Partitions, part)
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID, request.Topics = -1, append(request.Topics, topic)
	answer, err := request.RequestWith(ctx, p.client)
	if err != nil {
		return 0, fmt.Errorf("ask for the end of the topic %s: %w", p.topic, err)
	}
	if len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1 {
		return 0, fmt.Errorf("ask for the end of the topic %s: the broker answers something else", p.topic)
	}
	got := answer.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(got.ErrorCode); err != nil {
		return 0, fmt.Errorf("ask for the end of the topic %s: %w", p.topic, err)
	}
	return got.Offset, nil
}

// read reads the messages from one offset to another, and keeps the sequence of
// the last record among them.
func (p *place) read(ctx context.Context, from, to int64) error {
	p.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{p.topic: {partition: kgo.NewOffset().At(from)}})
	defer p.client.RemoveConsumePartitions(map[string][]int32{p.topic: {partition}})
	for at := from; at < to; {
		fetches := p.client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return err
		}
		for _, failed := range fetches.Errors() {
			return failed.Err
		}
		for message := range fetches.RecordsAll() {
			if at = message.Offset + 1; at > to {
				break
			}
			if r, err := auditsink.ParseStamp(message.Value); err == nil {
				p.last = r.Seq
			}
		}
	}
	return nil
}
