"""What is said of letters behind or around them: right, affected, all of them, all but some.

Tables only.
"""

import re

ALL = re.compile(
    r"(?:all|every|each|everything)(?:\s+(?:of|the|these|those|them|above|two|three|four|five|six"
    r"|seven|eight"
    r"|nine|ten|levels?|discs?|segments?|options?|choices?|answers?|listed|lumbar|cervical|given"
    r"|one)\b)*+(?![A-Za-z])(?!\s+(?:that|which)\b)"
    r"|以上(?:全部|所有|皆|均|都)(?:是|选|对|正确)?|(?:全部|所有)(?:选项|节段)?|全选",
    re.IGNORECASE,
)
EXCEPT = re.compile(
    r"[\s,(]*(?:except(?: for)?|but(?: not)?|other than|excluding|apart from|save|besides"
    r"|without|除了?)\s",
    re.IGNORECASE,
)
# "Except for A, all levels are affected": the exception comes first.
EXCEPT_FIRST = re.compile(
    r"\b(?:except(?:ing)?(?: for)?|apart from|aside from|other than|excluding"
    r"|with the exception of)\s|除了?",
    re.IGNORECASE,
)
REST = re.compile(
    r"[\s)\]\"']{0,4}(?:以外|之外|外)?[\s,]{0,3}(?:其余|其他|其它|the (?:rest|others?"
    r"|remaining \w+)"
    r"|all (?:the )?(?:rest|others?|remaining \w+)|all|every(?:thing)?)"
    r"(?: of| the| levels?| discs?| options?| segments?| one| lumbar| else)*"
    r"|[\s)\]\"']{0,4}(?:以外|之外|外)[\s,]{0,3}(?=均|都|皆|全)",
    re.IGNORECASE,
)
CHOSEN = re.compile(
    r"(?:选项|节段)?(?:均|都|皆)?(?:应)?(?:全部|全|都)?(?:选择?|受累|正确)", re.IGNORECASE
)
POSITIVE = re.compile(
    r"[\s,)\]\"']{0,6}(?:(?:is|are|was|were|would be|seems?|appears?|looks?|remains?|must be"
    r"|should be|to be|being)"
    r"(?: to be)?(?: (?:clearly|definitely|likely|probably|therefore|thus|indeed|certainly"
    r"|also|both"
    r"|all|still|by far|undoubtedly|most likely|well|best|strongly|the|my|our|overall|single"
    r"|final|then|now|here|slightly|somewhat|a(?= better)))*"
    r" (?:correct|right|best|answers?|true|appropriate|suitable|fitting|most (?:\w+)|likeliest"
    r"|more (?:likely|plausible"
    r"|consistent"
    r"|appropriate|probable|convincing|compelling|fitting|suitable)|better|(?:closest"
    r"|nearest)(?: match| fit| option)?|choice|favou?red|preferred|consistent with (?:the|this"
    r"|these|what|my|all)|supported|pick|one(?! (?:of|idea|possib\w+"
    r"|options?|candidate|thought|guess|way|choice)\b)|highest"
    r"|only (?:\w+ )?(?:pick|option|one|choice|answer|fit|match)(?! (?:that|which) (?:does not"
    r"|doesn't|cannot"
    r"|can't|fails|is not)))"
    r"|fits? (?:best|most)|(?:best|most closely|most accurately|better) (?:fits?|match(?:es)?"
    r"|describes?"
    r"|explains?|captures?|represents?|corresponds?|reflects?|aligns?|characteri[sz]es)"
    r"|(?:match(?:es)?|fits?|describes?|explains?|aligns?"
    r"|corresponds?)\b[^.;,\n]{0,40}? (?:best|better)\b|it is\b(?=[.!\n]|$)"
    r"|(?:is|seems|remains) (?:the way to go|my (?:pick|choice|answer)|what I(?:'d| would|'ll"
    r"| will)? (?:choose|pick"
    r"|select|answer|go with|believe|see|think|conclude|settle|report|record|name)|the options? I)"
    r"|appl(?:y|ies)\b(?! to)"
    r"|(?:is|are|seems) the (?:options?|choice|one|description|diagnosis) (?:that"
    r"|which) (?:best|most"
    r"|better) "
    r"|stands out"
    r"|(?:wins|beats|outweighs|edges out)\b|(?:ticks|checks) (?:all|every)|fits the bill|(?:makes"
    r"|make) (?:the )?most sense"
    r"|(?:都|均|皆)(?:是)?对|的可能性?最[大高]|(?:选?项)?(?:都|均)?(?:是|为)?(?:最)?(?:正确|符合|合适|恰当|可能是|有可能"
    r"|可能(?!性?[低小])"
    r"|贴切|吻合))",
    re.IGNORECASE,
)
INVOLVED = re.compile(
    r"[\s,)\]\"']{0,6}(?:(?:均|都|皆)?(?:有|存在)?(?:受累|狭窄|退变|病变|异常|突出)|(?:is|are"
    r"|was|were|show|shows|have|has|appear|appears|demonstrates?)\s(?:both |all |also "
    r"|clearly |the )*"
    r"(?:affected|involved|abnormal|diseased|stenotic|narrowed|degenerat\w+|positive|stenosis"
    r"|narrowing|present|loss|reduced|reduction|changes|herniat\w+|bulg\w+|protru\w+))",
    re.IGNORECASE,
)
