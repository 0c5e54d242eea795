package console

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Cell is one cell of a table.
type Cell struct {
	Text  string
	Style Style
	Right bool // numbers stand at the right
}

// Text returns a plain cell.
func Text[T ~string](text T) Cell { return Cell{Text: string(text)} }

// Textf returns a plain cell with formatted text.
func Textf(format string, args ...any) Cell { return Cell{Text: fmt.Sprintf(format, args...)} }

// Number returns a cell with a number.
func Number[T int | int64 | uint64](n T) Cell { return Cell{Text: fmt.Sprint(n), Right: true} }

// Styled returns a cell in a style.
func Styled(s Style, text string) Cell { return Cell{Text: text, Style: s} }

// Table prints rows under a header, columns lined up.
func (c *Console) Table(header []string, rows [][]Cell) {
	width := make([]int, len(header))
	for i, h := range header {
		width[i] = utf8.RuneCountInString(h)
	}
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell.Text))
		}
	}
	head := make([]Cell, len(header))
	for i, h := range header {
		head[i] = Cell{Text: strings.ToUpper(h), Style: Bold, Right: len(rows) > 0 && rows[0][i].Right}
	}
	for _, row := range append([][]Cell{head}, rows...) {
		c.row(row, width)
	}
}

func (c *Console) row(row []Cell, width []int) {
	var line strings.Builder
	for i, cell := range row {
		pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell.Text))
		text := c.Paint(cell.Style, cell.Text)
		if cell.Right {
			line.WriteString(pad + text)
		} else {
			line.WriteString(text + pad)
		}
		line.WriteString("  ")
	}
	c.Printf("%s\n", strings.TrimRight(line.String(), " "))
}
