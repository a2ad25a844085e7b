package sys

import (
	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

const (
	classKind = unix.IP_RECVTOS // of the control message with the traffic class
	classSize = 1               // bytes of the control message to send, from version 13
)

var classOptions = []reportOption{{backend.ReportECN, unix.AF_INET, unix.IPPROTO_IP, unix.IP_RECVTOS}}
