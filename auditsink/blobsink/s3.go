package blobsink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"
	"gocloud.dev/gcerrors"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/internal/remote"
)

// S3Scheme is what a bucket's URL begins with.
const S3Scheme = "s3"

const contentType = "application/x-ndjson"

var validBucket = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// bucket is one of S3.
type bucket struct {
	name, prefix, region, endpoint string
	key, secret                    *auditsink.Credential // nil for those of the environment
	tls                            *tls.Config
}

// OpenS3 reads s3://BUCKET/PREFIX, and these keys. It does not connect.
//
//	region=NAME                    by default that of the environment, as the AWS tools have it
//	endpoint=URL                   of a server that is not Amazon's
//	access-key=env:NAME|file:PATH  with secret-key; by default whatever the AWS tools find:
//	secret-key=env:NAME|file:PATH  variables, a profile, the role of a machine or a container
//	ca=file:PATH                   the certificates to trust, if not those of the system
//	cert=env:NAME|file:PATH        the certificate to show, with key
//	key=env:NAME|file:PATH         its private key
//
// The last three are in PEM, and not for an endpoint of http.
func OpenS3(ctx context.Context, u *url.URL) (auditsink.Sink, error) {
	query, trust, err := remote.Keys(u, !strings.HasPrefix(u.Query().Get("endpoint"), "http:"), "region", "endpoint", "access-key", "secret-key")
	if err != nil {
		return nil, err
	}
	switch {
	case u.Host == "":
		return nil, errors.New("it names no bucket: write " + S3Scheme + "://BUCKET/PREFIX")
	case !validBucket.MatchString(u.Host):
		return nil, errors.New("the name of its bucket must be 3 to 63 characters of a-z, 0-9, - and ., the first and the last of them a letter or a digit")
	case strings.Contains(u.Path, "//"):
		return nil, errors.New("its prefix must not have two slashes in a row")
	}
	b := &bucket{name: u.Host, prefix: strings.Trim(u.Path, "/"), region: query.Get("region"), endpoint: query.Get("endpoint"), tls: trust}
	if b.endpoint != "" {
		at, err := url.Parse(b.endpoint)
		if err != nil || at.Host == "" || !auditsink.ValidPorts(at.Host) || at.User != nil || (at.Scheme != "http" && at.Scheme != "https") {
			return nil, errors.New("endpoint must be a URL of http or https")
		}
	}
	if query.Has("access-key") != query.Has("secret-key") {
		return nil, errors.New("access-key and secret-key go together")
	}
	for name, to := range map[string]**auditsink.Credential{"access-key": &b.key, "secret-key": &b.secret} {
		if query.Has(name) {
			credential, err := auditsink.ParseCredential(query.Get(name))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			*to = &credential
		}
	}
	if _, err := b.config(ctx); err != nil {
		return nil, err
	}
	return &Sink{open: b.open}, nil
}

// config is what the AWS tools would use, but for what the URL says.
func (b *bucket) config(ctx context.Context) (aws.Config, error) {
	c, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return aws.Config{}, fmt.Errorf("read the configuration for AWS: %w", err)
	}
	if b.region != "" {
		c.Region = b.region
	}
	if c.Region == "" {
		return aws.Config{}, errors.New("its region is not known: add region=NAME")
	}
	if b.key != nil {
		c.Credentials = aws.CredentialsProviderFunc(b.reveal)
	}
	return c, nil
}

func (b *bucket) reveal(context.Context) (aws.Credentials, error) {
	key, err := b.key.Reveal()
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("access-key: %w", err)
	}
	secret, err := b.secret.Reveal()
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("secret-key: %w", err)
	}
	return aws.Credentials{AccessKeyID: key, SecretAccessKey: secret}, nil
}

func (b *bucket) open(ctx context.Context) (*place, error) {
	c, err := b.config(ctx)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy:             http.ProxyFromEnvironment,
		TLSClientConfig:   b.tls,
		ForceAttemptHTTP2: true,
		IdleConnTimeout:   time.Minute,
	}
	c.HTTPClient = &http.Client{Transport: transport}
	c.Retryer = func() aws.Retryer { return aws.NopRetryer{} } // who calls the sink tries again
	client := s3.NewFromConfig(c, func(o *s3.Options) {
		o.Logger = logging.Nop{} // it prints
		if b.endpoint != "" {
			o.BaseEndpoint, o.UsePathStyle = &b.endpoint, true
			// Others than Amazon may not know the newer checksums.
			o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
			o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		}
	})
	opened, err := s3blob.OpenBucket(ctx, client, b.name, &s3blob.Options{RequestChecksumCalculation: client.Options().RequestChecksumCalculation})
	if err != nil {
		return nil, fmt.Errorf("open the bucket: %w", err)
	}
	if b.prefix != "" {
		opened = blob.PrefixedBucket(opened, b.prefix+"/")
	}
	return &place{store: &objects{opened, transport}}, nil
}

// objects are those of a bucket, or under a prefix in it.
type objects struct {
	bucket    *blob.Bucket
	transport *http.Transport
}

func (o *objects) close() error {
	err := o.bucket.Close()
	o.transport.CloseIdleConnections()
	if err != nil {
		return fmt.Errorf("close the bucket: %w", err)
	}
	return nil
}

func (o *objects) list(ctx context.Context, under string) ([]string, error) {
	var names []string
	found := o.bucket.List(&blob.ListOptions{Prefix: under, Delimiter: "/"})
	for {
		object, err := found.Next(ctx)
		if errors.Is(err, io.EOF) {
			return names, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list the objects: %w", err)
		}
		names = append(names, object.Key[len(under):])
	}
}

func (o *objects) read(ctx context.Context, key string) ([]byte, error) {
	object, err := o.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(object, maxObject))
	return text, errors.Join(err, object.Close())
}

func (o *objects) create(ctx context.Context, key string, lines []byte) (bool, error) {
	err := o.bucket.WriteAll(ctx, key, lines, &blob.WriterOptions{ContentType: contentType, DisableContentTypeDetection: true, IfNotExist: true})
	if gcerrors.Code(err) == gcerrors.FailedPrecondition {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("make an object: %w", err)
	}
	return true, nil
}
