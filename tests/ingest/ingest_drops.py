"""Small drops for the tests of ingest: valid ids, rows by kind, files in any encoding."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from flows.ingest.drop import SnapshotRef, ingest_drop

ZHANG, LI, WANG = "11010519491231002X", "370302199001010010", "370302199502280027"
JIA, YI = "91370303MA0000001M", "91370303MA0000002Q"
OLD_ZHANG = "110105491231002"

ROWS: dict[str, dict[str, str]] = {
    "insured_units": {
        "单位编号": "U1",
        "统一社会信用代码": JIA,
        "单位名称": "甲公司",
        "是否劳务派遣": "否",
    },
    "insured_persons": {
        "社会保障号码": ZHANG,
        "姓名": "张三",
        "性别": "女",
        "个人身份": "",
        "养老待遇享受开始年月": "",
    },
    "residents": {"身份证号": LI, "姓名": "李四", "户号": "H1", "户籍地代码": "370302"},
    "contributions": {
        "缴费明细流水号": "S1",
        "单位编号": "U1",
        "姓名": "张三",
        "身份证号": ZHANG,
        "险种": "养老",
        "费款所属期": "202002",
        "缴费基数": "3000",
        "单位缴费金额": "480.00",
        "个人缴费金额": "240.00",
        "缴费类型": "正常",
        "缴费标志": "已到账",
        "到账日期": "2020-02-15",
    },
    "payroll": {
        "统一社会信用代码": JIA,
        "姓名": "张三",
        "身份证号": ZHANG,
        "发放月份": "202002",
        "应发工资": "5000",
        "实发工资": "4500.50",
        "出勤天数": "20",
        "发放日期": "2020-02-20",
        "银行卡号": "6222000011112222",
        "流水号": "P1",
    },
    "attendance": {
        "统一社会信用代码": JIA,
        "姓名": "张三",
        "身份证号": ZHANG,
        "出勤日期": "2020-02-03",
    },
    "employment": {
        "统一社会信用代码": JIA,
        "姓名": "张三",
        "身份证号": ZHANG,
        "合同类别": "固定期限",
        "合同开始日期": "2020-02-10",
        "合同结束日期": "",
        "合同解除日期": "",
        "解除原因": "",
    },
    "registrations": {
        "统一社会信用代码": JIA,
        "名称": "甲公司",
        "类型": "企业",
        "登记状态": "存续",
        "划型行业": "工业",
        "划型": "",
        "从业人员": "12",
        "营业收入(万元)": "1,146.00",
        "资产总额(万元)": "",
        "成立日期": "2001/2/3",
        "镇办代码": "370302",
        "法定代表人证件号码": ZHANG,
    },
    "unemployment_benefits": {
        "姓名": "张三",
        "身份证号": ZHANG,
        "最后参保单位编号": "U1",
        "待遇开始年月": "201901",
        "待遇终止年月": "201912",
        "待遇类别": "",
        "发放流水号": "",
    },
    "designations": {
        "名单类别": "严重失信",
        "主体类型": "单位",
        "代码": JIA,
        "名称": "甲公司",
        "生效日期": "2020-01-01",
        "失效日期": "",
        "认定文号": "",
    },
    "accounts": {
        "主体类型": "个人",
        "证件号码": ZHANG,
        "户名": "张三",
        "账号": "6222 0000 1111",
        "开户行名称": "某银行",
        "联行号": "102453000012",
        "账户状态": "正常",
    },
    "support": {
        "补贴类型": "稳岗返还",
        "主体类型": "单位",
        "代码": JIA,
        "名称": "甲公司",
        "享受开始年月": "202001",
        "享受终止年月": "202012",
        "已享受月数": "12",
        "已发金额": "100.00",
        "发放流水号": "",
    },
}


def row(kind: str, **changes: str) -> dict[str, str]:
    """Give the model row of a kind with some cells changed, by label."""
    assert set(changes) <= set(ROWS[kind]), set(changes) - set(ROWS[kind])
    return ROWS[kind] | changes


def csv_text(rows: Sequence[Mapping[str, str]], separator: str = ",", end: str = "\n") -> str:
    lines = [list(rows[0]), *(list(cells.values()) for cells in rows)]
    quoted = [[f'"{cell}"' if separator in cell else cell for cell in cells] for cells in lines]
    return end.join(separator.join(cells) for cells in quoted) + end


def write_drop(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    drop = folder / "drop"
    drop.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (drop / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return drop


def ingest(folder: Path, files: Mapping[str, str | bytes]) -> SnapshotRef:
    return ingest_drop(write_drop(folder, files), folder / "snapshots")


def table(snapshot: SnapshotRef, kind: str) -> pl.DataFrame:
    return pl.read_parquet(snapshot.tables()[kind])


def listed(snapshot: SnapshotRef, name: str) -> pl.DataFrame:
    return pl.read_parquet(snapshot.folder / f"{name}.parquet")


def verdicts(snapshot: SnapshotRef) -> list[tuple[int, str, str]]:
    """Give line, rule and column of every quarantined row."""
    rows = listed(snapshot, "quarantine").select("source_line", "rule", "column").rows()
    return [(int(line), str(rule), str(column)) for line, rule, column in rows]
