package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// connections is on how many the server is asked beside other work of its own.
const connections = 16

// minting compares verification alone with verification while tokens are
// minted, at half the rate that minting reaches when it is alone. What a bare
// server beside that minting keeps is the floor: it has the same processors less.
func (b *bench) minting(ctx context.Context) error {
	body := `{"query":"mutation { mintToken(input: {label: \"bench\", abilities: [READ]}) { token { id } } }"}`
	mint := newRequest(&process{command: b.ours.command, internal: b.ours.public}, "POST /graphql", body, "Bearer "+hole, func() []byte { return b.tokens.secret(0) }, "200")
	mint.text = strings.Replace(mint.text, "application/x-www-form-urlencoded", "application/json", 1)
	minters, err := mint.dial(ctx, 4)
	if err != nil {
		return err
	}
	defer minters.close()
	full, err := minters.run(ctx, 2*time.Second)
	if err != nil {
		return err
	}
	ours, err := forwardAuth(b.ours, b.tokens.anyOf, "200").dial(ctx, connections)
	if err != nil {
		return err
	}
	defer ours.close()
	bare, err := forwardAuth(b.bare, b.tokens.anyOf, "200").dial(ctx, connections)
	if err != nil {
		return err
	}
	defer bare.close()
	var kept, floor, minted []float64
	for range b.rounds {
		for asked, ratios := range map[*callers]*[]float64{ours: &kept, bare: &floor} {
			alone, err := asked.run(ctx, b.slice)
			if err != nil {
				return err
			}
			var beside measured
			rate, err := minters.paced(ctx, full.perSecond/2, func() (err error) {
				beside, err = asked.run(ctx, b.slice)
				return err
			})
			if err != nil {
				return err
			}
			*ratios = append(*ratios, beside.perSecond/alone.perSecond)
			minted = append(minted, rate)
		}
	}
	fmt.Printf("\nforward-auth beside %s mints a second (minting alone reaches %s): %s of itself alone; a bare server beside the same keeps %s\n",
		whole(median(minted)), whole(full.perSecond), b.atLeast(goalMinting, kept), ratio(median(floor)))
	return nil
}

// marking compares our server, which writes what tokens are used for all the time,
// with one that notes it in memory and does not come to writing it: with a database
// and a cache of its own, made from a copy of ours.
func (b *bench) marking(ctx context.Context, quiet *process) error {
	began := time.Now()
	if err := b.fillCache(ctx, quiet); err != nil {
		return err
	}
	note("%d tokens verified once by a server that does not write last use, in %s", b.tokens.len(), since(began))
	on, err := forwardAuth(b.ours, b.tokens.anyOf, "200").dial(ctx, connections)
	if err != nil {
		return err
	}
	defer on.close()
	off, err := forwardAuth(quiet, b.tokens.anyOf, "200").dial(ctx, connections)
	if err != nil {
		return err
	}
	defer off.close()
	var throughput, cpu, p99 []float64
	for range b.rounds {
		without, err := off.run(ctx, b.slice)
		if err != nil {
			return err
		}
		with, err := on.run(ctx, b.slice)
		if err != nil {
			return err
		}
		throughput = append(throughput, with.perSecond/without.perSecond)
		cpu = append(cpu, float64(with.cpu)/float64(without.cpu))
		p99 = append(p99, float64(with.p99)/float64(without.p99))
	}
	fmt.Printf("\nforward-auth with last use written: %s of itself without; its 99th percentile %s, its processor time a request %s of that\n",
		b.atLeast(goalMarking, throughput), ratio(median(p99)), ratio(median(cpu)))
	return nil
}

// copyOf copies what a server needs into a folder of its own.
func copyOf(folder string) (string, error) {
	to := filepath.Join(folder, "quiet")
	if err := os.Mkdir(to, 0o700); err != nil {
		return "", err
	}
	for _, name := range []string{databaseName, plansName} {
		if err := copyFile(filepath.Join(to, name), filepath.Join(folder, name)); err != nil {
			return "", err
		}
	}
	return to, nil
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return cmpErr(err, out.Close())
}
