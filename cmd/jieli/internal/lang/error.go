package lang

import (
	"errors"
	"fmt"
	"strings"
)

// Error is an error in both languages. Error gives the English, which logs and scripts read.
type Error struct {
	english error
	chinese string
}

// Words are a part of a sentence, in both languages.
type Words struct{ English, Chinese string }

// String gives the English.
func (w Words) String() string { return w.English }

// Errorf makes an Error. In the Chinese, arguments that are Words or errors are in Chinese too, where they can be.
func Errorf(english, chinese string, args ...any) *Error {
	theirs := make([]any, len(args))
	for i, arg := range args {
		switch arg := arg.(type) {
		case error:
			theirs[i] = errors.New(InChinese(arg))
		case Words:
			theirs[i] = arg.Chinese
		default:
			theirs[i] = arg
		}
	}
	return &Error{english: fmt.Errorf(english, args...), chinese: fmt.Errorf(chinese, theirs...).Error()}
}

// Error implements error.
func (e *Error) Error() string { return e.english.Error() }

// Unwrap gives what it wraps.
func (e *Error) Unwrap() error { return errors.Unwrap(e.english) }

// InChinese gives an error's words in Chinese as far as they are known.
func InChinese(err error) string {
	var e *Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	return strings.Replace(err.Error(), e.Error(), e.chinese, 1)
}
