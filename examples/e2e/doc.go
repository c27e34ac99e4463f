// Package e2e drives the pages of the login server in a browser, through the stories that
// they are for. It is a module of its own, so that the browser's driver never enters yours.
//
//	go test ./examples/e2e
//
// It needs Chromium, and skips without it. SCREENSHOTS names a folder in which each story
// leaves pictures of what it saw.
//
// testdata/axe.min.js is axe-core 4.14.1 as its authors publish it, under the Mozilla Public
// License 2.0 in testdata/LICENSE and LICENSE-3RD-PARTY.txt: https://github.com/dequelabs/axe-core.
package e2e
