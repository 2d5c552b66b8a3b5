"""Amounts in the capital figures that Chinese payment papers ask for."""

DIGITS = "零壹贰叁肆伍陆柒捌玖"
PLACES = ("", "拾", "佰", "仟")
MYRIADS = ("", "万", "亿", "万亿")


def amount_in_capitals(fen: int) -> str:
    """Write 分 as 大写金额, as on a cheque.

    Source:  支付结算办法 (银发〔1997〕393号), 附件一 正确填写票据和结算凭证的基本规定
    >>> amount_in_capitals(140950), amount_in_capitals(10_000_053), amount_in_capitals(5)
    ('人民币壹仟肆佰零玖元伍角', '人民币壹拾万元零伍角叁分', '人民币伍分')
    >>> amount_in_capitals(600714), amount_in_capitals(1_000_000_00), amount_in_capitals(0)
    ('人民币陆仟零柒元壹角肆分', '人民币壹佰万元整', '人民币零元整')
    """
    yuan, hundredths = divmod(fen, 100)
    jiao, fen_left = divmod(hundredths, 10)
    text = f"{_whole(yuan)}元" if yuan else ""
    if jiao:
        # 零 also where the yuan end in 零: both forms are allowed, this one can't be altered.
        text += f"{'零' if yuan and yuan % 10 == 0 else ''}{DIGITS[jiao]}角"
    if fen_left:
        text += f"{'零' if yuan and not jiao else ''}{DIGITS[fen_left]}分"
    return f"人民币{text or '零元'}{'' if hundredths % 10 else '整' if not jiao else ''}"


def _whole(yuan: int) -> str:
    text, is_gap = "", False
    groups = [yuan // 10 ** (4 * place) % 10_000 for place in range(len(MYRIADS))]
    for place, group in reversed([*enumerate(groups)]):
        if not group:
            is_gap = bool(text)
            continue
        text += ("零" if text and (is_gap or group < 1000) else "") + _group(group) + MYRIADS[place]
        is_gap = False
    return text


def _group(group: int) -> str:
    text, is_gap = "", False
    for place in (3, 2, 1, 0):
        digit = group // 10**place % 10
        if digit:
            text += ("零" if is_gap and text else "") + DIGITS[digit] + PLACES[place]
        is_gap = digit == 0
    return text
