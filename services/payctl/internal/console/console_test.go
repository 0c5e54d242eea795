package console

import (
	"bytes"
	"testing"
)

func TestTable_LinesUp(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := New(&out, &out, false)
	c.Table([]string{"name", "sum", ""}, [][]Cell{
		{Text("große Summe"), Number(12345), Styled(Green, "ok")},
		{Text("x"), Number(7), Textf("%d of %d", 1, 2)},
	})
	const want = "" +
		"NAME           SUM\n" +
		"große Summe  12345  ok\n" +
		"x                7  1 of 2\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestPaint_OnlyOnATerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if got := New(&out, &out, false).Paint(Red, "text"); got != "text" {
		t.Errorf("%q", got)
	}
	if got := paint(true, Red, "text"); got != "\x1b[31mtext\x1b[0m" {
		t.Errorf("%q", got)
	}
}

func TestProgress_NotWithoutATerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	bar := New(&out, &out, false).Progress(10, "work")
	bar.Add(1)
	bar.Set(2)
	bar.Total(20)
	bar.Done()
	if bar != nil || out.Len() > 0 {
		t.Errorf("printed %q", out.String())
	}
}

func TestObjectAndLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := New(&out, &out, true)
	if err := c.Object(map[string]string{"a": "<&>"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Line(map[string]int{"b": 1}); err != nil {
		t.Fatal(err)
	}
	if want := "{\n  \"a\": \"<&>\"\n}\n{\"b\":1}\n"; out.String() != want {
		t.Errorf("got %q", out.String())
	}
}
