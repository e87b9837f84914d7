package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func readers(texts ...string) []io.Reader {
	var inputs []io.Reader
	for _, text := range texts {
		inputs = append(inputs, strings.NewReader(text))
	}
	return inputs
}

func TestReshapePutsEachDivisionBeforeThoseInside(t *testing.T) {
	lines, err := reshape(readers(
		"code,name\n44,\"广东省\"\n",
		"code,name,provinceCode\n4419,\"东莞市\",44\n4401,\"广州市\",44\n",
		"code,name,cityCode\n441900,\"东莞市\",4419\n440103,\"荔湾区\",4401\n",
		"code,name,areaCode\n441900003,\"东城街道\",441900\n440103001,\"沙面街道\",440103\n",
	))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"44\t广东省", "4401\t广州市", "440103\t荔湾区", "440103001\t沙面街道",
		"4419\t东莞市", "441900003\t东城街道",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got %q\nwant %q", lines, want)
	}
}

func TestReshapeNamesTheBadRow(t *testing.T) {
	good := []string{"code,name\n44,\"广东省\"\n", "code,name\n4401,\"广州市\"\n", "code,name\n440103,\"荔湾区\"\n", "code,name\n440103001,\"沙面街道\"\n"}
	tests := []struct {
		name  string
		level int
		text  string
		want  string
	}{
		{"no header", 0, "44,广东省\n", "provinces.csv: want a header"},
		{"code too short", 1, "code,name\n441,广州市\n", `cities.csv, row 2: code "441": want 4 digits`},
		{"letters in a code", 2, "code,name\n44010x,荔湾区\n", "areas.csv, row 2"},
		{"empty name", 3, "code,name\n440103001,\" \"\n", "streets.csv, row 2: name"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			texts := slices.Clone(good)
			texts[test.level] = test.text
			_, err := reshape(readers(texts...))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestCompressIsRepeatableAndReadable(t *testing.T) {
	lines := []string{"44\t广东省", "4401\t广州市"}
	first, err := compress(lines)
	if err != nil {
		t.Fatal(err)
	}
	second, err := compress(lines)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Error("two runs over the same lines differ")
	}
	r, err := gzip.NewReader(bytes.NewReader(first))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Join(lines, "\n") + "\n"; string(text) != want {
		t.Errorf("got %q, want %q", text, want)
	}
}
