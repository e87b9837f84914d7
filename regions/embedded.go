package regions

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

//go:embed data/divisions.tsv.gz
var divisionsFile []byte

//go:embed data/retired.tsv
var retiredFile string

// loadEmbedded decodes the embedded files once, when they are first needed.
var loadEmbedded = sync.OnceValues(func() (*Divisions, error) {
	return readDivisions(bytes.NewReader(divisionsFile), retiredFile)
})

// LoadDivisions returns the divisions embedded in the binary (see
// data/README.md for source and date). The first call decodes them, in some 10
// ms into 1.3 MiB; later calls return the same value. An error means that the
// binary was built from damaged files.
func LoadDivisions() (*Divisions, error) { return loadEmbedded() }

// readDivisions decodes a compressed list of divisions and a list of retired
// codes, in the formats that data/README.md describes.
func readDivisions(packed io.Reader, retired string) (*Divisions, error) {
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		return nil, fmt.Errorf("divisions: %w", err)
	}
	d := &Divisions{}
	if err := d.readCurrent(unpacked); err != nil {
		return nil, fmt.Errorf("divisions: %w", err)
	}
	d.indexCodes()
	if d.retired, err = readRetired(retired); err != nil {
		return nil, fmt.Errorf("retired divisions: %w", err)
	}
	if err := d.checkRetired(); err != nil {
		return nil, fmt.Errorf("retired divisions: %w", err)
	}
	return d, nil
}

// expectedDivisions and expectedNameBytes size the buffers for the embedded
// data, so that nothing is grown and copied while it is decoded.
const (
	expectedDivisions = 45_000
	expectedNameBytes = 540_000
)

// readCurrent reads lines "code<TAB>name", sorted by code.
func (d *Divisions) readCurrent(lines io.Reader) error {
	codes := make([]Code, 0, expectedDivisions)
	ends := make([]uint32, 0, expectedDivisions)
	var names strings.Builder
	names.Grow(expectedNameBytes)
	scanner := bufio.NewScanner(lines)
	for scanner.Scan() {
		text, name, _ := bytes.Cut(scanner.Bytes(), []byte{'\t'})
		code, err := ParseCode(string(text))
		switch {
		case err != nil:
			return fmt.Errorf("line %d: %w", len(codes)+1, err)
		case len(name) == 0:
			return fmt.Errorf("line %d: division %s has no name", len(codes)+1, code)
		case len(codes) > 0 && codes[len(codes)-1] >= code:
			return fmt.Errorf("line %d: %s does not sort after %s", len(codes)+1, code, codes[len(codes)-1])
		}
		names.Write(name)
		codes = append(codes, code)
		ends = append(ends, uint32(names.Len()))
	}
	if err := scanner.Err(); err != nil {
		return err
	}
	if len(codes) == 0 {
		return fmt.Errorf("no divisions in the file")
	}
	d.codes, d.ends, d.names = codes, ends, names.String()
	return nil
}

// readRetired reads lines "code<TAB>name<TAB>successor,successor…"; a line that
// begins with # is a comment.
func readRetired(text string) (map[Code]retiredDivision, error) {
	retired := make(map[Code]retiredDivision)
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Split(line, "\t")
		if len(fields) != 3 || fields[1] == "" {
			return nil, fmt.Errorf("line %d: want code, name and successors between tabs", number)
		}
		code, err := ParseCode(fields[0])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if _, twice := retired[code]; twice {
			return nil, fmt.Errorf("line %d: %s is there twice", number, code)
		}
		entry := retiredDivision{name: fields[1]}
		for successor := range strings.SplitSeq(fields[2], ",") {
			to, err := ParseCode(successor)
			if err != nil {
				return nil, fmt.Errorf("line %d: successor: %w", number, err)
			}
			entry.successors = append(entry.successors, to)
		}
		slices.Sort(entry.successors)
		retired[code] = entry
	}
	return retired, nil
}

// checkRetired makes sure that no retired code is in use, and that each of
// their successors is, so that one step from a retired code always ends in the
// present.
func (d *Divisions) checkRetired() error {
	for code, entry := range d.retired {
		if d.current(code) {
			return fmt.Errorf("%s is in use", code)
		}
		for _, successor := range entry.successors {
			if !d.current(successor) {
				return fmt.Errorf("%s, successor of %s, is not in use", successor, code)
			}
		}
	}
	return nil
}
