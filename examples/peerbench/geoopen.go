package main

import (
	"fmt"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/sallyport-go/sallyport/geo"
)

const (
	ourOpen         = "geo.Open"
	networksOnly    = "Networks"
	networksDecoded = "Networks, decoded"
	fileSize        = "the file"
)

func (b *bench) open() (*result, error) {
	r := &result{
		unit:  "ns",
		names: []string{ourOpen, networksOnly, networksDecoded},
		claims: []claim{
			{against: networksOnly, goal: mustGoal("at most 1.5")},
			{against: networksDecoded, goal: mustGoal("at most 1.5")},
		},
		notes: []string{
			"geo.Open reads and compiles; its peer opens the file and goes over maxminddb Networks. The design says no more than",
			"iterating, which decodes nothing and so learns no country; \"decoded\" reads country.iso_code of each network as well.",
		},
	}
	if err := b.agreeOnFile(); err != nil {
		return nil, err
	}
	contenders := []contender{
		{name: ourOpen, run: repeat(func() int {
			db, err := geo.Open(b.in.countryAt)
			if err != nil {
				panic(err) // agreeOnFile opened it before
			}
			return db.Len()
		})},
		{name: networksOnly, run: repeat(func() int { return b.walkFile(false) })},
		{name: networksDecoded, run: repeat(func() int { return b.walkFile(true) })},
	}
	for i := range contenders {
		contenders[i].questions, contenders[i].collect = 1<<20, true
	}
	r.add("country file", namesOf(contenders), measure(b.effort(0, 15), contenders))
	return r, nil
}

// walkFile goes over the networks of the file and returns how many have a
// country, or without decoding, how many there are.
func (b *bench) walkFile(decode bool) (n int) {
	reader, err := maxminddb.Open(b.in.countryAt)
	if err != nil {
		panic(err) // agreeOnFile opened it before
	}
	defer reader.Close()
	for result := range reader.Networks() {
		if !decode {
			n += one(result.Prefix().IsValid())
			continue
		}
		var code string
		if err := result.DecodePath(&code, "country", "iso_code"); err != nil {
			panic(err) // agreeOnFile decoded it before
		}
		n += one(code != "")
	}
	return n
}

// agreeOnFile compares the compiled file with its source at the first address of
// every network.
func (b *bench) agreeOnFile() error {
	db, err := geo.Open(b.in.countryAt)
	if err != nil {
		return err
	}
	reader, err := maxminddb.Open(b.in.countryAt)
	if err != nil {
		return err
	}
	defer reader.Close()
	for result := range reader.Networks() {
		var code string
		if err := result.DecodePath(&code, "country", "iso_code"); err != nil {
			return err
		}
		a := result.Prefix().Addr()
		if want, _ := geo.ParseCountry(code); db.Country(a) != want && !embedded(a) {
			return fmt.Errorf("%v: %s answers %q and the file %q", a, ourDB, db.Country(a), code)
		}
	}
	return nil
}

func (b *bench) openMemory() (*result, error) {
	r := &result{
		unit:   "bytes",
		names:  []string{ourDB, fileSize},
		claims: []claim{{against: fileSize, goal: mustGoal("at most 1.5")}},
		notes:  []string{"Live heap that a DB holds once it is open, against the size of its file."},
	}
	var err error
	held := heapOf(1, func() (db *geo.DB) {
		db, err = geo.Open(b.in.countryAt)
		return db
	})
	r.addOnce("country file", held, float64(len(b.in.country)))
	return r, err
}
