// Package verify proves, with a code that is sent to a contact of the member, that a
// login comes from the member: what a decision asks for whose effect is verify.
//
//	token, msg, err := verifier.Begin(ctx, binding, contacts)
//	// send msg.Code to msg.To; give token to the person who logs in
//	…
//	err = verifier.Complete(ctx, token, typed, binding)
//	// if err is nil, decide the login again, with Verified
//
// The package draws, keeps and compares; the host sends, and shows the pages. Start with
// [New], [Verifier.Begin] and [Verifier.Complete]. Who keeps accounts in package directory has
// the contacts from its Directory.Contacts.
//
// # The rules
//
// A verification is spent once, by its own tenant, member and client, from its own
// country and under its own version of the settings, within ten minutes, after at most
// five wrong codes of the member in an hour. A member is sent at most ten codes an hour,
// and has five verifications open at once; a further one takes the place of the oldest.
// Asking for another code leaves those before it open.
//
// A code goes to a contact that was recorded before it was asked for, and never to a
// mailbox of the service itself, which whoever has the password may read. What is stored
// is hashed, the code with the token as key, so that a store, a backup or a log opens
// nothing: a code of six digits alone would soon be found by trying.
//
// # What the person is told
//
// Begin only for one who has proved the password, and decide the login again after
// Complete, with the address of that moment: being verified is not being admitted. The
// host keeps, beside the token, that the password was proved, and with which version of
// the member, see [Binding]. The errors say more than the person should read: answer
// ErrWrongCode, ErrExpired, ErrSpent, ErrUnknown and ErrBinding alike, with words like
// "this code is wrong or has expired". ErrNoContact is the decision
// [no-verification-contact], and ErrTooManyTries and ErrTooManyCodes ask to wait until the
// instant that their [WaitError] tells.
package verify
