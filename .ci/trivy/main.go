// Command trivy scans the files of a folder with Trivy's scanner of secrets and
// the configuration given, and prints a line for each finding: the rule and the
// file.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/aquasecurity/trivy/pkg/fanal/secret"
)

func main() {
	config, err := secret.ParseConfig(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	scanner := secret.NewScanner(config)
	files, err := filepath.Glob(filepath.Join(os.Args[2], "*"))
	if err != nil {
		log.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			log.Fatal(err)
		}
		for _, f := range scanner.Scan(secret.ScanArgs{FilePath: filepath.Base(file), Content: bytes.NewReader(content)}).Findings {
			fmt.Println(f.RuleID, filepath.Base(file))
		}
	}
}
