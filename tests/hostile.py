"""Texts as a stranger may give them: names of interfaces, hosts, files, and what tools print."""

HOSTILE = [
    "a[/b]",
    "[red]x[/red]",
    "\x1b[31mred\x1b[0m",
    "\x1b]52;c;aGk=\x07",
    '<img src=x onerror="window.hacked=1">',
    "</title></style><script>window.hacked=1</script>",
    "&amp; <b>bold</b> &#36;",
    "50 % & $x_1$ {#} ~ ^ \\input{/etc/passwd}",
    "# heading\n\n- [link](javascript:window.hacked=1)",
    "`code` *em* _em_ ![i](x) | a | b |",
    "https://example.org/ <https://example.org>",
    "]]> <!-- -->",
    "\u202eright to left",
    "$\\frac{",
    "tab\tnul\x00end",
]
