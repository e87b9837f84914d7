package manual

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// aCommand has one of everything, and text that a shell or roff could take for something else.
func aCommand() *cobra.Command {
	root := &cobra.Command{Use: "jieli", Short: "Root"}
	root.PersistentFlags().StringP("output", "o", "table", "how to print")
	group := &cobra.Command{Use: "ticket", Short: "Tickets", Aliases: []string{"t"}}
	do := func(*cobra.Command, []string) {}
	c := &cobra.Command{
		Use: "import FILE", Short: "Submit tickets", Run: do,
		Long:    "Reads lines.\n.so starts a request of roff, and 'so does this.\n\nA path is C:\\tickets.",
		Example: "  jieli ticket import a.jsonl --quick   # `now`\n  .hidden/jieli",
	}
	c.Flags().Bool("quick", false, "be quick")
	c.Flags().Duration("patience", 2*time.Minute, "how long to wait")
	c.Flags().IntSlice("levels", []int{1, 16}, "levels")
	c.Flags().StringSlice("role", nil, "roles")
	c.Flags().Int("port", -1, "port (default: any)")
	c.Flags().String("secret", "", "not for everybody")
	_ = c.Flags().MarkHidden("secret")
	group.AddCommand(c, &cobra.Command{Use: "inner", Hidden: true, Run: do})
	root.AddCommand(group)
	return c
}

// golden compares with a file in testdata; JIELI_UPDATE_SCRIPTS=1 keeps what is there now.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if os.Getenv("JIELI_UPDATE_SCRIPTS") != "" {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s", name, got)
	}
}

func TestPages(t *testing.T) {
	c := aCommand()
	around := Around{
		Version: "v1", Exit: []Entry{{"0", "done"}}, Environment: []Entry{{"JIELI_SERVER", "the server"}},
		Files: []Entry{{"/etc/jieli/jieli.yaml", "configuration"}}, SeeAlso: []string{"jieli", "jieli ticket"},
	}
	for name, page := range map[string]Page{
		"import": Of(c, false), "import.zh": Of(c, true), "ticket": Of(c.Parent(), false), "ticket.zh": Of(c.Parent(), true),
	} {
		t.Run(name, func(t *testing.T) {
			var text, roff bytes.Buffer
			if err := page.Text(&text); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".txt", text.Bytes())
			if err := page.Roff(&roff, around); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".1", roff.Bytes())
		})
	}
	if got := FileName("jieli ticket import"); got != "jieli-ticket-import.1" {
		t.Errorf("got %s", got)
	}
}
