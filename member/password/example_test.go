package password_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/member/password"
)

// A member sets a password, and is told all that is wrong with it.
func Example() {
	ctx := context.Background()
	policy := password.NIST()
	common := password.ListOf("correct horse battery staple") // from a file: ReadList

	for _, typed := range []string{"acme2027", "correct horse battery staple", "tin drum and green goats"} {
		err := policy.Check(ctx, password.Candidate{
			New:       typed,
			Words:     []string{"Acme", "kim.minsu@example.com"},
			Blocklist: common,
			Used:      password.FirstPassword, // or a function that compares hashes
		})
		var refused *password.RefusedError
		switch {
		case err == nil:
			fmt.Println("taken")
		case errors.As(err, &refused):
			for _, f := range refused.Flaws {
				fmt.Println(f.Code+":", f)
			}
		default:
			fmt.Println("not checked, so not taken:", err)
		}
	}
	// Output:
	// too-short: use at least 15 characters
	// own-words: it is little more than a name that belongs to you or your organisation; use other words
	// blocklisted: it is known to be used by many or to have been stolen; use another, not a variant of it
	// taken
}

func ExampleDecode() {
	policy, err := password.Decode([]byte(`{"min_length": 8, "require": ["letter", "digit"], "max_age_days": 365}`))
	fmt.Println(policy.MinLength, policy.Require, err)
	_, err = password.Decode([]byte(`{"min_length": 6, "require": ["letters"], "max_age": 90}`))
	fmt.Println(err)
	// Output:
	// 8 letter,digit <nil>
	// password: 3 problems with the policy
	// 	require[0]: "letters" is no kind of characters; use letter, upper, lower, digit and symbol
	// 	max_age: there is no key "max_age", only external_logins, format, max_age_days, max_failures, min_length, mobile_idle_days, require, reuse; remove it or correct its name
	// 	min_length: 6 characters; write 8 to 64 characters, or leave it out
}

func ExamplePolicy_Expired() {
	set := time.Date(2026, 1, 31, 15, 0, 0, 0, time.UTC)
	now := set.AddDate(1, 0, 0)
	fmt.Println(password.NIST().Expired(set, now))
	fmt.Println(password.NaverWorks().Expired(set, now))
	// Output:
	// false
	// true
}

func ExampleListOf() {
	list := password.ListOf("Password123456789")
	is, err := list.Contains(context.Background(), "password123456789")
	fmt.Println(is, err)
	// Output: true <nil>
}
