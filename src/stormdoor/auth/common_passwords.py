"""Passwords that everybody tries first (ASVS 6.2.4), eight characters and longer, in lower case.

A short list of the most frequent ones in public leaks. An installation adds its own, such as the
names of its products or a longer list: `Passwords(common=…)`.
"""

from __future__ import annotations

__all__ = ["COMMON_PASSWORDS"]

_ONE_TEXT = """
00000000 11111111 11223344 12121212 123123123 12341234 12344321 12345678 123456789 1234567890
12345678910 123456789a 123456abc 1234qwer 123654789 123qweasd 147258369 1q2w3e4r 1q2w3e4r5t
1qaz2wsx 1qaz2wsx3edc 22222222 55555555 66666666 77777777 789456123 87654321 88888888 987654321
99999999 a1234567 a12345678 aa123456 aa12345678 abc12345 abcd1234 abcdefgh access14 admin123
admin1234 administrator adobe123 alexander angelina asdasdasd asdf1234 asdfasdf asdfghjk
asdfghjkl babygirl baseball basketball benjamin blink182 butterfly caroline changeme charlotte
chelsea1 chocolate christian christopher computer corvette danielle dragon123 einstein elephant
elizabeth fishing1 football football1 fuckyou1 garfield gateway1 gfhjkmgfhjkm hardcore hello123
helloworld iloveyou iloveyou1 iloveyou2 infinity internet isabella jennifer jonathan jordan23
juventus killer123 kimberly lebron23 letmein1 letmein123 liverpool liverpool1 logitech lollipop
manchester marlboro masterkey maverick mercedes metallica michael1 michelle midnight minecraft
monkey123 mustang1 naruto123 newyork1 nicholas nintendo nirvana1 p@ssw0rd p@ssword pa55word
pass1234 passw0rd password password! password1 password12 password123 password1234 password2
passwort patrick1 platinum playstation pokemon1 porsche9 precious princess princess1 q1w2e3r4
q1w2e3r4t5 qazwsxedc qwer1234 qwerasdf qwerqwer qwert123 qwerty12 qwerty123 qwerty1234
qwerty12345 qwertyui qwertyuiop rainbow1 remember rockstar samantha scorpion security shadow12
skywalker slipknot snowball spiderman standard starwars steelers stephanie strawberry success1
sunflower sunshine sunshine1 superman superman1 superstar swordfish tennis12 terminal thunder1
tinkerbell trustno1 valentina vanessa1 veronica victoria warcraft welcome1 welcome123 whatever
william1 winston1 wolverine yankees1 zaq12wsx zaq1zaq1 zxcvbnm1 zxcvbnm123 zxcvzxcv
"""

COMMON_PASSWORDS = frozenset(_ONE_TEXT.split())
