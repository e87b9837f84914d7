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

// pageToken makes the token for the page that begins at a route.
func pageToken(filters string, from regions.Key) string {
	return tokenOf(filters, strings.Join([]string{from.Division.String(), from.Service, from.ValidFrom.String()}, "|"))
}

// parsePageToken gives the route at which a page begins; no token begins at the first.
func parsePageToken(filters, token string) (regions.Key, error) {
	place, err := placeOf(filters, token)
	if err != nil || place == "" {
		return regions.Key{}, err
	}
	parts := strings.Split(place, "|")
	if len(parts) != 3 {
		return regions.Key{}, errPageToken("is not a token of an answer here")
	}
	from, err := regions.ParseKey(parts[0], parts[1], parts[2])
	if err != nil {
		return regions.Key{}, errPageToken("is not a token of an answer here")
	}
	return from, nil
}

// tokenOf makes the token for a place in a list. It belongs to its filters: with others it would skip or repeat what is
// listed without a word.
func tokenOf(filters, place string) string {
	digest := sha256.Sum256([]byte(filters))
	token := append([]byte{tokenVersion}, digest[:filterBytes]...)
	return tokenEncoding.EncodeToString(append(token, place...))
}

// placeOf gives the place that a token stands for; none for no token.
func placeOf(filters, token string) (string, error) {
	if token == "" {
		return "", nil
	}
	if len(token) > maxPageToken {
		return "", errPageToken("is not a token of an answer here")
	}
	raw, err := tokenEncoding.DecodeString(token)
	if err != nil || len(raw) <= 1+filterBytes || raw[0] != tokenVersion {
		return "", errPageToken("is not a token of an answer here")
	}
	digest := sha256.Sum256([]byte(filters))
	if string(raw[1:1+filterBytes]) != string(digest[:filterBytes]) {
		return "", errPageToken("belongs to a list with other filters; begin without one")
	}
	return string(raw[1+filterBytes:]), nil
}

func errPageToken(rule string) error {
	e := fault.InvalidFields(fault.Field{Name: "pageToken", Rule: rule})
	e.Reason = "INVALID_PAGE_TOKEN"
	return e
}
