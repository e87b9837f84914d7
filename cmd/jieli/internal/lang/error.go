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
	words := err.Error()
	var e *Error
	if errors.As(err, &e) {
		words = strings.Replace(words, e.Error(), e.chinese, 1)
	} else {
		words = lines(words)
	}
	return system().Replace(words)
}

// system has the words of the operating system.
func system() *strings.Replacer {
	return strings.NewReplacer(
		"no such file or directory", "没有该文件或目录", "permission denied", "权限不足", "is a directory", "是目录", "not a directory", "不是目录",
		"file exists", "文件已存在", "no space left on device", "磁盘已满", "connection refused", "连接被拒绝", "address already in use", "端口已被占用", "no such host", "没有该主机",
	)
}
