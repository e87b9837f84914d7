package api

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/jieli-gateway/jieli/gateway/fault"
	"github.com/jieli-gateway/jieli/regions"
)

const (
	// tokenVersion is the first byte of a page token.
	tokenVersion = 1
	// filterBytes are kept of the digest of the filters that a token belongs to.
	filterBytes = 8
	// maxPageToken bounds the text of a token.
	maxPageToken = 256
)

var tokenEncoding = base64.RawURLEncoding.Strict()

// pageToken makes the token for the page that begins at a route. It belongs to its filters: with others it would skip
// or repeat routes without a word.
func pageToken(filters string, from regions.Key) string {
	digest := sha256.Sum256([]byte(filters))
	token := append([]byte{tokenVersion}, digest[:filterBytes]...)
	token = append(token, strings.Join([]string{from.Division.String(), from.Service, from.ValidFrom.String()}, "|")...)
	return tokenEncoding.EncodeToString(token)
}

// parsePageToken gives the route at which a page begins; no token begins at the first.
func parsePageToken(filters, token string) (regions.Key, error) {
	if token == "" {
		return regions.Key{}, nil
	}
	bad := func(rule string) (regions.Key, error) {
		e := fault.InvalidFields(fault.Field{Name: "pageToken", Rule: rule})
		e.Reason = "INVALID_PAGE_TOKEN"
		return regions.Key{}, e
	}
	if len(token) > maxPageToken {
		return bad("is not a token of an answer here")
	}
	raw, err := tokenEncoding.DecodeString(token)
	if err != nil || len(raw) < 1+filterBytes || raw[0] != tokenVersion {
		return bad("is not a token of an answer here")
	}
	digest := sha256.Sum256([]byte(filters))
	if string(raw[1:1+filterBytes]) != string(digest[:filterBytes]) {
		return bad("belongs to a list with other filters; begin without one")
	}
	parts := strings.Split(string(raw[1+filterBytes:]), "|")
	if len(parts) != 3 {
		return bad("is not a token of an answer here")
	}
	from, err := regions.ParseKey(parts[0], parts[1], parts[2])
	if err != nil {
		return bad("is not a token of an answer here")
	}
	return from, nil
}
