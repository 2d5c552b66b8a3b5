"""The words that a carried night begins with, in Chinese, for whoever opens it elsewhere."""

from collections.abc import Mapping
from typing import Any


def carry_readme(said: Mapping[str, Any]) -> str:
    """Say what is in a carried night and how it is computed again.

    >>> "wuxing replay" in carry_readme({"run_id": "R1", "as_of": "2020-06-30",
    ...                                  "snapshot_id": "S1", "ledger_position": 3})
    True
    """
    return f"""# 无形：可复算的一次运行

- 运行 `{said["run_id"]}`，基准日 {said["as_of"]}，快照 `{said["snapshot_id"]}`
- 支付台账截至第 {said["ledger_position"]} 笔记录（含本次运行各批次的签名与支付）

## 里面有什么

| 位置 | 内容 |
|---|---|
| `home/snapshots/` | 当晚的原始文件、数据表、隔离与修复清单；另有上一晚的数据表（比对缺失用） |
| `home/runs/` | 认定、应享、提示、各项检查、清单、报告，及其摘要 |
| `home/inputs/` | 当时的全部规则、政策卡、参数、检查、资金配置的原文 |
| `home/ledger.sqlite` | 支付台账：每笔记录一环扣一环，含人员名册与签名 |
| `home/batches/` | 当时已有的批次 |

## 怎样复算

1. 在任何一台装有无形的电脑上运行：`wuxing replay 本文件.zip`
2. 逐表比较当时与现在的摘要；全部相同，结论为 identical，退出码 0；否则指出第一处不同，退出码 14。
3. 规则已经修改过的，用 `wuxing replay 本文件.zip --rules stored`，按当时的规则原文复算。
4. 加 `--from-raw`，从原始文件重新解析开始。

本文件含个人信息，须按规定保管、传递和销毁。
"""


def pseudonymous_readme(said: Mapping[str, Any]) -> str:
    """Say what is in a night under pseudonyms.

    >>> "化名" in pseudonymous_readme({"as_of": "2020-06-30"})
    True
    """
    return f"""# 无形：化名后的一次运行

基准日 {said["as_of"]}。人员号码、姓名、户名、账号、文件名都已换成化名（带密钥的 HMAC-SHA256）；
出生日期、性别、同名同号的关系保持不变，因此按同样的规则重算，认定结果和金额与原运行逐行相同。
密钥不在本文件中；没有密钥，不能由化名推出本人，也不能由本人推出化名。单位代码是公开登记，未更换。

内有：各类数据表（parquet）、支付台账所示的已付与已签（paid、signed、installments、standing.json）、
规则与政策卡与参数原文、认定与应享的摘要（night.json）。没有原始文件、台账和签名。

复算：`wuxing replay 本文件.zip`；结论 identical 即逐表相同。
"""
