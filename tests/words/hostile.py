"""What strangers may write into a title, a name, a place or a tracking text, and how it must be shown. Renders nothing."""

from __future__ import annotations

# what is written -> what is shown, on one line, of at most 120 characters
WORDS: dict[str, tuple[str, str]] = {
    "markup": (
        "<script>alert(1)</script><img src=x onerror=alert(1)> x",
        "<script>alert(1)</script><img src=x onerror=alert(1)> x",
    ),
    "ends an element": ("</td></table></div><h1>Pay</h1><!-- x", "</td></table></div><h1>Pay</h1><!-- x"),
    "ends a style": ("</style><style>*{display:none}", "</style><style>*{display:none}"),
    "ends an attribute": ('" onclick=\'x\' style="color:red"><p>', '" onclick=\'x\' style="color:red"><p>'),
    "entities": ("&lt;b&gt; &amp;#60; &#x3c;a&#x3e; &nbsp;", "&lt;b&gt; &amp;#60; &#x3c;a&#x3e; &nbsp;"),
    "cdata": ("<![CDATA[ x ]]> <?xml x?> <svg/onload=x>", "<![CDATA[ x ]]> <?xml x?> <svg/onload=x>"),
    "jinja": ("{{ 7*7 }}{% raw %}{{ ''.__class__ }}{# x #}", "{{ 7*7 }}{% raw %}{{ ''.__class__ }}{# x #}"),
    "formats": ("%(title)s %s %d %n {0} {title!r:>9} 100 %", "%(title)s %s %d %n {0} {title!r:>9} 100 %"),
    "shell": ("$(reboot) `id` $HOME ; rm -rf x && y", "$(reboot) `id` $HOME ; rm -rf x && y"),
    "encoded word": ("=?UTF-8?Q?=0A?=Bcc: x@evil.example", "=?UTF-8?Q?=0A?=Bcc: [link removed]"),
    "header": ("Reel\r\nBcc: y\r\n\r\n<html>", "Reel Bcc: y <html>"),
    "line ends": ("a\x85b\u2028c\u2029d\x0be\x0cf\rg", "a b c d e f g"),
    "nul": ("Re\x00el\x07\x08\x7f 2", "Reel 2"),
    "terminal": ("Re\x1b[2J\x1b]0;owned\x07el\x9b31m", "Re[2J]0;ownedel31m"),
    "log": ('x" level=error event="paid" {"a": 1}\n2026 x', 'x" level=error event="paid" {"a": 1} 2026 x'),
    "override": ("Reel \u202egnp.exe\u202c\u2066\u2067x\u2069", "Reel gnp[.]exex"),
    "marks of direction": ("a\u200eb\u200fc\u061cd", "abcd"),
    "zero width": ("pay\u200bpal\u200c\u200d\u2060\ufeff x\u00ad\u180ey", "paypal xy"),
    "invisible letters": ("\u3164\u115f\u1160\u2800x\uffa0y\u034fz", "xyz"),
    "tags": ("Reel\U000e0049\U000e0067\U000e007f \U0001f3f4", "Reel \U0001f3f4"),
    "surrogates": ("R\ud83d\ude00e\udfffel\ufffe\U0010ffff", "Reel"),
    "emoji": ("🎣👨\u200d👩\u200d👧🏳\ufe0f\u200d🌈🇩🇪👍🏽", "🎣👨👩👧🏳🌈🇩🇪👍🏽"),
    "tower": ("Z" + "\u0336\u0489\u0301\u0308\u0323" * 9 + "o", "Z\u0336\u0489\u0301\u0308o"),
    "mark on nothing": ("\u0338\u0338 x \u20e3y", "x y"),
    "Hebrew": ("חכה 5 (2)", "חכה 5 (2)"),
    "Arabic": ("بكرة ١٢٣ صيد!", "بكرة ١٢٣ صيد!"),
    "both directions": ("Reel חכה 50 EUR بكرة)", "Reel חכה 50 EUR بكرة)"),
    "Chinese": ("钓鱼轮。已放行，ＶＡＴ", "钓鱼轮。已放行，ＶＡＴ"),
    "link": ("Pay https://evil.example/p?a=1&b now", "Pay [link removed] now"),
    "domain": ("see dhl-fee.top/pay or EVIL.COM x", "see dhl-fee[.]top or EVIL[.]COM x"),
    "look-alike link": (
        "раураl.com ｅｖｉｌ．ｔｏｐ evil。top x",
        "раураl[.]com ｅｖｉｌ[.]ｔｏｐ evil[.]top x",
    ),
    "other schemes": (
        "javascript:alert(1) data:text/html,x tel:+1 y",
        "[link removed] [link removed] [link removed] y",
    ),
    "address": ("mail help＠evil.top or pay@evil.top x", "mail [link removed] or [link removed] x"),
    "number": (
        "Call +49 170 1234567 or ０１７０–１２３４５６７ x",
        "Call [number removed] or [number removed] x",
    ),
    "glued number": ("电话13800138000派件", "电话[number removed]派件"),
    "formula": ("=HYPERLINK(A1) +1 -1 @SUM(1)", "=HYPERLINK(A1) +1 -1 @SUM(1)"),
    "formula tab": ("\t@x|'cmd'!A0", "@x|'cmd'!A0"),
    "list": ("- Do not pay. - Pay. 1. x", "- Do not pay. - Pay. 1. x"),
    "quotation": ("Held” Nothing is owed. “Pay »here«", 'Held" Nothing is owed. "Pay "here"'),
    "calendar": ("x\r\nEND:VEVENT\r\nATTACH:y\\n;,z", "x END:VEVENT ATTACH:y\\n;,z"),
    "markdown": (
        "**b** [x](y) <!channel> @everyone `c` ~~s~~",
        "**b** [x](y) <!channel> @everyone `c` ~~s~~",
    ),
    "two stops": ("evil..top x.. y... z", "evil..top x. y... z"),
    "long": ("x" * 10_240, "x" * 119 + "…"),
    "long words": ("word " * 2_048, ("word " * 23).strip() + "…"),
}
KINDS = tuple(WORDS)
TITLE, SHOP, SELLER, NUMBER, CARRIER, TEXT, MEANING, PLACE, SOURCE = FIELDS = (
    "Qtitle", "Qshop", "Qseller", "Qnumber", "Qcarrier", "Qtext", "Qmeaning", "Qplace", "Qsource",
)  # fmt: skip
