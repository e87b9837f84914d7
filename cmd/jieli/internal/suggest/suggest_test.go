package suggest

import "testing"

func TestNearest(t *testing.T) {
	known := []string{"jingjinji", "changsanjiao", "suzhou", "OFFERED", "ACCEPTED", "a", "environment", "list"}
	for word, want := range map[string]string{
		"jingjingji": "jingjinji",
		"shuzou":     "suzhou",
		"suzohu":     "suzhou",
		"offerd":     "OFFERED",
		"chang":      "changsanjiao",
		"suzhou":     "suzhou",
		"wuxi":       "",
		"":           "",
		"b":          "",
		"en":         "",
		"env":        "environment",
		"nosuch":     "",
		"lsit":       "list",
		"east":       "",
	} {
		t.Run(word, func(t *testing.T) {
			if got := Nearest(word, known); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	if Nearest("x", nil) != "" {
		t.Error("means something where nothing is known")
	}
}
