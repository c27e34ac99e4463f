package httpgate

// message is what a person is told: less than the reason says, and never what anybody else
// could use.
type message int

const (
	saysNoAccess message = iota
	saysNoAddress
	saysAddress
	saysVerify
	saysNoContact
	saysCredentials
	saysMember
	saysClient
	saysPassword
	saysSignIn
	saysAgain
)

// language is one that pages are in. The zero language is English.
type language int

const (
	english language = iota
	korean
	japanese
)

type words struct{ title, detail string }

var messages = [...][3]words{
	saysNoAccess: {
		{"No access", "Access was not granted. Ask your administrator."},
		{"접속할 수 없습니다", "접속이 허용되지 않았습니다. 관리자에게 문의해 주세요."},
		{"アクセスできません", "アクセスが許可されませんでした。管理者にお問い合わせください。"},
	},
	saysNoAddress: {
		{"Your address is not known", "The address that you come from could not be determined. Ask your administrator."},
		{"IP 주소를 확인할 수 없습니다", "접속한 IP 주소를 확인하지 못했습니다. 관리자에게 문의해 주세요."},
		{"IPアドレスを確認できません", "アクセス元のIPアドレスを確認できませんでした。管理者にお問い合わせください。"},
	},
	saysAddress: {
		{"No access from this address", "Your organisation allows access from certain addresses only. If you need access from here, tell your administrator the address below."},
		{"허용되지 않은 IP 주소입니다", "조직에서 지정한 IP 주소에서만 접속할 수 있습니다. 여기서 접속해야 한다면 아래 주소를 관리자에게 알려 주세요."},
		{"許可されていないIPアドレスです", "組織が指定したIPアドレスからのみアクセスできます。ここからアクセスする必要がある場合は、下のアドレスを管理者にお知らせください。"},
	},
	saysVerify: {
		{"Verify your identity", "Access from where you are needs a verification of your identity. Sign in again to verify it."},
		{"본인 확인이 필요합니다", "현재 위치에서 접속하려면 본인 확인이 필요합니다. 다시 로그인하여 본인 확인을 완료해 주세요."},
		{"本人確認が必要です", "現在の場所からアクセスするには本人確認が必要です。もう一度ログインして本人確認を行ってください。"},
	},
	saysNoContact: {
		{"Your identity cannot be verified", "There is no recorded contact to verify your identity by. Ask your administrator."},
		{"본인 확인을 할 수 없습니다", "본인 확인에 사용할 연락처가 등록되어 있지 않습니다. 관리자에게 문의해 주세요."},
		{"本人確認ができません", "本人確認に使う連絡先が登録されていません。管理者にお問い合わせください。"},
	},
	saysCredentials: {
		{"Sign-in failed", "The member or the password is wrong."},
		{"로그인하지 못했습니다", "아이디 또는 비밀번호가 올바르지 않습니다."},
		{"ログインできませんでした", "ログインIDまたはパスワードが正しくありません。"},
	},
	saysMember: {
		{"This account cannot be used now", "Ask your administrator."},
		{"지금은 사용할 수 없는 계정입니다", "관리자에게 문의해 주세요."},
		{"このアカウントは現在ご利用になれません", "管理者にお問い合わせください。"},
	},
	saysClient: {
		{"No permission to use this service", "This app may not be used with your account. Use a browser, or ask your administrator."},
		{"이 서비스를 사용할 권한이 없습니다", "이 계정으로는 이 앱을 사용할 수 없습니다. 브라우저를 사용하거나 관리자에게 문의해 주세요."},
		{"このサービスを利用する権限がありません", "このアカウントではこのアプリを利用できません。ブラウザーを利用するか、管理者にお問い合わせください。"},
	},
	saysPassword: {
		{"Change your password", "You must change your password before you go on. Sign in with a browser to change it."},
		{"비밀번호를 변경해야 합니다", "계속하려면 비밀번호를 변경해야 합니다. 브라우저에서 로그인하여 변경해 주세요."},
		{"パスワードの変更が必要です", "続けるにはパスワードを変更する必要があります。ブラウザーでログインして変更してください。"},
	},
	saysSignIn: {
		{"Sign in", "You are not signed in, or your session has ended. Sign in again."},
		{"로그인이 필요합니다", "로그인하지 않았거나 세션이 종료되었습니다. 다시 로그인해 주세요."},
		{"ログインが必要です", "ログインしていないか、セッションが終了しました。もう一度ログインしてください。"},
	},
	saysAgain: {
		{"Try again in a moment", "Whether you may come in could not be determined just now."},
		{"잠시 후 다시 시도해 주세요", "지금은 접속 권한을 확인할 수 없습니다."},
		{"しばらくしてからもう一度お試しください", "現在、アクセス権を確認できません。"},
	},
}

// labels are the other words of a page.
type labels struct{ Tag, Address, Contact, Reason, Next string }

var pageLabels = [...]labels{
	english:  {"en", "Your address", "Contact", "Code", "Continue"},
	korean:   {"ko", "현재 IP 주소", "문의처", "코드", "계속하기"},
	japanese: {"ja", "現在のIPアドレス", "お問い合わせ先", "コード", "続ける"},
}
