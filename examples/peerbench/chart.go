package main

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"os"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// chart is what Contains costs by the length of the list, a picture for each family.
type chart struct {
	points map[int]map[string]plotter.XYs // by family and contender
}

// charted are the contenders in the picture. The colours have enough contrast to
// both white and black, and marks and lengths of dashes tell the lines apart
// without them.
var charted = []struct {
	name  string
	color color.RGBA
	mark  draw.GlyphDrawer
	dash  []vg.Length
	width vg.Length
}{
	{netipxSet, color.RGBA{0x8a, 0x8a, 0x8a, 255}, draw.TriangleGlyph{}, []vg.Length{6, 3}, 1.5},
	{bartLite, color.RGBA{0xb0, 0x6a, 0xd9, 255}, draw.SquareGlyph{}, []vg.Length{2, 2}, 1.5},
	{bartFast, color.RGBA{0xd9, 0x6c, 0x1e, 255}, draw.RingGlyph{}, nil, 1.5},
	{ourSet, color.RGBA{0x1f, 0x8f, 0xc9, 255}, draw.CircleGlyph{}, nil, 3},
}

// ink is for text and lines: a grey that is read on white and on black.
var ink = color.RGBA{0x80, 0x84, 0x8a, 255}

// add takes a line of the routes. The cloud lists differ by more than length.
func (c *chart) add(l *list, measured line, names []string) {
	if !l.routes {
		return
	}
	if c.points == nil {
		c.points = map[int]map[string]plotter.XYs{4: {}, 6: {}}
	}
	for i, name := range names {
		if y := measured.cost[i]; !math.IsNaN(y) && y > 0 {
			c.points[l.family][name] = append(c.points[l.family][name], plotter.XY{X: float64(len(l.prefixes)), Y: y})
		}
	}
}

func (c *chart) empty() bool { return c.points == nil }

// write draws both families beside each other, on the same scale.
func (c *chart) write(path string) error {
	svg, err := c.svg()
	if err != nil {
		return err
	}
	return os.WriteFile(path, svg, 0o644)
}

func (c *chart) svg() ([]byte, error) {
	const width, height = 9 * vg.Inch, 3.6 * vg.Inch
	highest := 0.0
	for _, lines := range c.points {
		for _, drawn := range charted {
			for _, p := range lines[drawn.name] {
				highest = max(highest, p.Y)
			}
		}
	}
	canvas := vgsvg.New(width, height)
	tiles := draw.Tiles{Rows: 1, Cols: 2, PadX: vg.Points(14), PadTop: vg.Points(4), PadBottom: vg.Points(4), PadLeft: vg.Points(4), PadRight: vg.Points(16)}
	area := draw.NewCanvas(canvas, width, height)
	for i, family := range families {
		p, err := c.plot(family, highest)
		if err != nil {
			return nil, err
		}
		p.Draw(tiles.At(area, i, 0))
	}
	var b bytes.Buffer
	_, err := canvas.WriteTo(&b)
	// Where the library's font is not installed, browsers would take one with serifs.
	const family = "font-family:Liberation Sans"
	return bytes.ReplaceAll(b.Bytes(), []byte(family), []byte(family+",Arial,sans-serif")), err
}

func (c *chart) plot(family int, highest float64) (*plot.Plot, error) {
	p := plot.New()
	p.BackgroundColor = color.Transparent
	p.Title.Text = fmt.Sprintf("IPv%d: ns for one Contains, independent", family)
	p.X.Label.Text = "prefixes in the list"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, powersOfTen{}
	p.X.Min, p.X.Max = 8, 1.3e6
	p.Y.Tick.Marker = every{step(highest)}
	p.Y.Min, p.Y.Max = 0, highest*1.05
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.Padding = vg.Points(3)
	p.Legend.ThumbnailWidth, p.Legend.XOffs, p.Legend.YOffs = vg.Points(28), vg.Points(8), vg.Points(-4)
	for _, style := range []*font.Font{&p.Title.TextStyle.Font, &p.X.Label.TextStyle.Font, &p.X.Tick.Label.Font, &p.Y.Tick.Label.Font, &p.Legend.TextStyle.Font} {
		style.Variant, style.Size = "Sans", vg.Points(10)
	}
	p.Title.TextStyle.Font.Size = vg.Points(12)
	for _, text := range []*color.Color{
		&p.Title.TextStyle.Color, &p.X.Label.TextStyle.Color, &p.X.Tick.Label.Color, &p.Y.Tick.Label.Color, &p.Legend.TextStyle.Color,
		&p.X.LineStyle.Color, &p.Y.LineStyle.Color, &p.X.Tick.LineStyle.Color, &p.Y.Tick.LineStyle.Color,
	} {
		*text = ink
	}
	grid := plotter.NewGrid()
	grid.Vertical.Color = nil
	grid.Horizontal.Color = color.NRGBA{ink.R, ink.G, ink.B, 0x60}
	p.Add(grid)
	for _, drawn := range charted {
		points := slices.Clone(c.points[family][drawn.name])
		if len(points) == 0 {
			continue
		}
		l, marks, err := plotter.NewLinePoints(points)
		if err != nil {
			return nil, err
		}
		l.Color, l.Width, l.Dashes = drawn.color, drawn.width, drawn.dash
		marks.Color, marks.Shape, marks.Radius = drawn.color, drawn.mark, vg.Points(3)
		p.Add(l, marks)
		p.Legend.Add(drawn.name, l, marks)
	}
	return p, nil
}

// powersOfTen writes 1,000,000 as such: people count prefixes, not exponents.
type powersOfTen struct{}

func (powersOfTen) Ticks(low, high float64) (ticks []plot.Tick) {
	for v := 10.0; v <= high; v *= 10 {
		if v >= low {
			ticks = append(ticks, plot.Tick{Value: v, Label: thousands(v)})
		}
	}
	return ticks
}

// every writes the multiples of a round number.
type every struct{ step float64 }

func (e every) Ticks(low, high float64) (ticks []plot.Tick) {
	for v := 0.0; v <= high; v += e.step {
		if v >= low {
			ticks = append(ticks, plot.Tick{Value: v, Label: thousands(v)})
		}
	}
	return ticks
}

// step returns 1, 2 or 5 times a power of ten, so that there are up to ten of
// them below highest.
func step(highest float64) float64 {
	for unit := 1.0; ; unit *= 10 {
		for _, times := range []float64{1, 2, 5} {
			if s := times * unit; !(highest/s > 10) {
				return s
			}
		}
	}
}
